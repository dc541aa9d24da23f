"""Jobs of one queue in one state, 50 a page; retry and delete."""

from __future__ import annotations

from html import escape

import pandas as pd
import streamlit as st

from common.conversations import reads
from common.queueing import inspect, manage, queues
from console import actions, wiring
from console.auth import current
from console.data import format as fmt
from console.data import jobs as data
from console.text import t, word
from console.widgets import alarms, frame, notices, status, url

COLUMNS = ("id", "func", "lane", "age", "waited", "ran", "attempt", "error")
on = wiring.services()
me = current.require()


def first_page() -> None:
    """Another filter starts at its first page, with nothing chosen."""
    st.query_params.pop("page", None)
    st.session_state["jobs_round"] = st.session_state.get("jobs_round", 0) + 1


def filters() -> tuple[str, str, bool]:
    """Queue and state, from the URL, and whether the queue is paused; the search box leads to one job."""
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left, st.container(horizontal=True, vertical_alignment="bottom"):
        queue = url.drop_down(t("jobs.queue"), queues.ALL, "queue", key="jobs_queue", changed=first_page)
        counts = inspect.counts(on.db, [queue])[queue]
        state = url.buttons(
            t("jobs.state"), inspect.STATES, "state", key="jobs_state", changed=first_page, show_label=True,
            named=lambda name: f"{word('job.state', name)} {fmt.number(counts.get(name, 0))}",
        )  # fmt: skip
        paused = queue in manage.paused(on.db)
        pausable = not paused and actions.may(me, "queue_pause")
        if pausable and st.button(t("jobs.pause"), key="jobs_pause_queue", icon=":material/pause:", type="tertiary"):
            pause_dialog(queue)
    with right:
        hint = t("jobs.find_hint")
        wanted = st.text_input(t("jobs.find"), key="jobs_find", placeholder=hint, icon=":material/search:")
    if wanted and wanted.strip():
        st.switch_page("views/job.py", query_params={"id": wanted.strip()})
    return queue, state, paused


def listing(queue: str, state: str) -> None:
    """The table, and what can be done with its rows."""
    wanted = url.page()
    page = inspect.list_jobs(on.db, queue, state, offset=(wanted - 1) * data.PAGE, limit=data.PAGE)
    number = data.clamp(wanted, page.total)
    if number != wanted:
        page = inspect.list_jobs(on.db, queue, state, offset=(number - 1) * data.PAGE, limit=data.PAGE)
    if not page.rows:
        notices.empty(
            t("jobs.empty", state=word("job.state", state), queue=queue),
            t("jobs.empty.failed" if state == "failed" else "jobs.empty.other"),
            icon="task_alt",
        )
        return
    bar = st.container(horizontal=True, vertical_alignment="center", key="jobs_bar")
    chosen = grid(page.rows, key=f"jobs_rows_{queue}_{state}_{number}_{st.session_state.get('jobs_round', 0)}")
    with bar:
        buttons(queue, state, [page.rows[i].id for i in chosen], page.total)
    first = (number - 1) * data.PAGE
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        last, total = fmt.number(first + len(page.rows)), fmt.number(page.total)
        st.caption(t("jobs.range", first=fmt.number(first + 1), last=last, total=total))
        if page.total > data.PAGE:
            url.pages(data.pages(page.total), number, key="jobs_page")


def grid(rows: list[inspect.JobRow], *, key: str) -> list[int]:
    """The rows on a canvas; returns the places of the chosen ones."""
    names = reads.names_of(on.db, on.tenant, [cid for row in rows if (cid := data.cid_of(row.lane))])
    frame_ = pd.DataFrame(data.table(rows, now=on.clock.now(), names=names), columns=list(COLUMNS))
    if not any(frame_["error"]):
        frame_ = frame_.drop(columns="error")
    config = {name: st.column_config.TextColumn(t(f"jobs.column.{name}")) for name in frame_.columns}
    config["lane"] = st.column_config.LinkColumn(t("jobs.column.lane"), display_text="#(.*)$")
    found = st.dataframe(
        frame_, key=key, hide_index=True, row_height=30, height="content" if len(rows) < 18 else 560, on_select="rerun",
        selection_mode="multi-row", column_config=config, alt=t("jobs.title"),
    )  # fmt: skip
    return [i for i in found["selection"]["rows"] if i < len(rows)]


def buttons(queue: str, state: str, chosen: list[str], total: int) -> None:
    """Actions on the chosen rows, and on the whole state."""
    if len(chosen) == 1 and st.button(t("jobs.open"), key="jobs_open", icon=":material/open_in_full:", type="primary"):
        st.switch_page("views/job.py", query_params={"id": chosen[0]})
    if chosen and state == "failed" and actions.may(me, "job_retry"):
        st.button(t("job.retry"), key="jobs_retry", icon=":material/replay:", on_click=retry, args=(chosen,))
    deletable = chosen and state != "started" and actions.may(me, "job_delete")
    if deletable and st.button(t("job.delete"), key="jobs_delete", icon=":material/delete:"):
        delete_dialog(queue, chosen)
    if chosen:
        st.caption(t("jobs.chosen", n=len(chosen)), width="content")
    retriable = not chosen and state == "failed" and actions.may(me, "queue_retry_failed")
    if retriable and st.button(t("jobs.retry_all"), key="jobs_retry_all", icon=":material/replay:"):
        retry_all_dialog(queue, total)
    st.button(t("jobs.refresh"), key="jobs_refresh", icon=":material/refresh:", type="tertiary")


def retry(chosen: list[str]) -> None:
    """Callback of the retry button."""
    tell(actions.retry_jobs(on, chosen))


@st.dialog(t("jobs.delete_title"), icon=":material/delete:")
def delete_dialog(queue: str, chosen: list[str]) -> None:
    """Asks once more, with the number."""
    st.text(t("jobs.delete_what", n=len(chosen), queue=queue))
    if st.button(t("jobs.delete_confirm", n=len(chosen)), key="jobs_delete_yes", type="primary"):
        tell(actions.delete_jobs(on, chosen))
        st.rerun()


@st.dialog(t("jobs.retry_all_title"), icon=":material/replay:")
def retry_all_dialog(queue: str, total: int) -> None:
    """Asks once more, with the number."""
    st.text(t("jobs.retry_all_what", n=fmt.number(total), queue=queue))
    if st.button(t("jobs.retry_all_confirm", n=fmt.number(total)), key="jobs_retry_all_yes", type="primary"):
        tell(actions.retry_failed(on, queue))
        st.rerun()


def tell(outcome: actions.Outcome) -> None:
    """The sentence after an action; the choice of rows is over."""
    (notices.done if outcome.ok else notices.refused)(outcome.sentence)
    st.session_state["jobs_round"] = st.session_state.get("jobs_round", 0) + 1


def paused_note(queue: str) -> None:
    """Says that no worker takes jobs of the queue, with the way out of it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="jobs_paused"):
        note = escape(t("jobs.paused_note", queue=queue))
        st.html(f'<p class="rv-note">{status.paused_badge()}<span>{note}</span></p>', width="content")
        if not actions.may(me, "queue_resume"):
            return
        if st.button(t("jobs.resume"), key="jobs_resume_queue", icon=":material/play_arrow:", type="primary"):
            resume_dialog(queue)


@st.dialog(t("jobs.pause_title"), icon=":material/pause_circle:")
def pause_dialog(queue: str) -> None:
    """Asks once more, and says what goes on."""
    st.text(t("jobs.pause_what", queue=queue))
    if st.button(t("jobs.pause_confirm", queue=queue), key="jobs_pause_yes", type="primary"):
        tell(actions.pause_queue(on, queue))
        st.rerun()


@st.dialog(t("jobs.resume_title"), icon=":material/play_circle:")
def resume_dialog(queue: str) -> None:
    """Asks once more, with the number that waits."""
    waiting = inspect.counts(on.db, [queue])[queue]["queued"]
    st.text(t("jobs.resume_what", queue=queue, n=fmt.number(waiting)))
    if st.button(t("jobs.resume_confirm", queue=queue), key="jobs_resume_yes", type="primary"):
        tell(actions.resume_queue(on, queue))
        st.rerun()


frame.heading(t("jobs.title"))
alarms.watch()
chosen_queue, chosen_state, is_paused = filters()
if is_paused:
    paused_note(chosen_queue)
listing(chosen_queue, chosen_state)
