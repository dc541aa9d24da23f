"""One job: where it stands, what it was given, how it failed, and what can be done."""

from __future__ import annotations

from html import escape
from urllib.parse import quote, urlencode

import streamlit as st

from common.conversations import turns
from common.queueing import inspect
from console import actions, wiring
from console.auth import current
from console.data import format as fmt
from console.data import jobs as data
from console.text import t
from console.widgets import alarms, frame, notices, status
from console.widgets import turn as panel

on = wiring.services()
me = current.require()
zone = fmt.zone_of(st.context.timezone)


def draw() -> None:
    """The job that the URL names."""
    wanted = st.query_params.get("id", "").strip()
    if not wanted:
        frame.heading(t("job.title"))
        notices.empty(t("job.empty"), t("job.empty_next"), icon="search")
        return
    job = inspect.job_detail(on.db, wanted)
    if job is None:
        frame.heading(t("job.title"), wanted[:80])
        notices.empty(t("job.missing"), t("job.missing_next"), icon="history_toggle_off")
        return
    head(job)
    alarms.watch()
    buttons(job)
    if job.row.state == "failed":
        attempts(job)
    story(job)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        if job.row.state != "failed":
            attempts(job)
        payload(job)
    with right:
        facts(job)


def head(job: inspect.JobDetail) -> None:
    """The way back, what it is, how it stands."""
    row = job.row
    back = f"/jobs?{urlencode({'queue': row.queue, 'state': row.state})}"
    st.html(
        f'<header class="rv-head"><a data-go class="rv-up" href="{escape(back)}">'
        f'{status.icon("arrow_back", t("job.to_list"))}</a><h1>{escape(data.what(row.func))}</h1>'
        f'{status.job_badge(row.state)}<code>{escape(row.id)}</code></header>'
    )  # fmt: skip


def buttons(job: inspect.JobDetail) -> None:
    """What this job's state allows."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if job.row.state == "failed" and actions.may(me, "job_retry"):
            st.button(
                t("job.retry"), key="job_retry", icon=":material/replay:", type="primary", on_click=tell,
                args=(actions.retry_jobs, [job.row.id]),
            )  # fmt: skip
        if job.row.state == "scheduled" and actions.may(me, "job_promote"):
            st.button(
                t("job.promote"), key="job_promote", icon=":material/bolt:", type="primary", on_click=tell,
                args=(actions.promote_job, job.row.id),
            )  # fmt: skip
        deletable = job.row.state != "started" and actions.may(me, "job_delete")
        if deletable and st.button(t("job.delete"), key="job_delete", icon=":material/delete:"):
            delete_dialog(job)
        chat = data.chat_of(job)
        if chat:
            query = {"show": "all", "chat": chat}
            st.page_link("views/inbox.py", label=t("job.chat"), icon=":material/forum:", query_params=query)


@st.dialog(t("jobs.delete_title"), icon=":material/delete:")
def delete_dialog(job: inspect.JobDetail) -> None:
    """Asks once more."""
    st.text(t("jobs.delete_what", n=1, queue=job.row.queue))
    if st.button(t("jobs.delete_confirm", n=1), key="job_delete_yes", type="primary"):
        tell(actions.delete_jobs, [job.row.id])
        st.rerun()


def tell(action: object, target: object) -> None:
    """Callback: do it, and say what became of it."""
    outcome = action(on, target)  # type: ignore[operator]
    (notices.done if outcome.ok else notices.refused)(outcome.sentence)


def attempts(job: inspect.JobDetail) -> None:
    """Every failed attempt, newest first; tracebacks are data and shown as text."""
    st.html(f'<h2 class="rv-h2">{escape(t("job.attempts"))}</h2>')
    if job.row.error and not job.attempts:
        st.html(f'<p class="rv-problem">{status.icon("error")}{escape(job.row.error)}</p>')
    if not job.attempts:
        st.caption(t("job.no_attempts"))
        return
    runs = list(enumerate(job.attempts, 1))
    st.html("".join(_attempt(n, run, shown=n == len(runs)) for n, run in reversed(runs)))


def _attempt(n: int, run: inspect.Attempt, *, shown: bool) -> str:
    at = escape(f"{fmt.exact(run.at, zone)} {run.worker}")
    return (
        f'<details class="rv-attempt"{" open" if shown else ""}><summary><b>{escape(t("job.attempt", n=n))}</b>'
        f"<span>{escape(run.error)}</span><i>{at}</i></summary>"
        f'<pre tabindex="0">{escape(run.traceback)}</pre></details>'
    )


def facts(job: inspect.JobDetail) -> None:
    """When and where."""
    st.html(f'<h2 class="rv-h2">{escape(t("job.timeline"))}</h2>')
    lines, before = [], 0.0
    for span in data.timeline(job):
        step = f"<i>+{fmt.precise(span.at - before)}</i>" if before and span.at > before else "<i></i>"
        lines.append(f"<dt>{escape(t(span.key))}</dt><dd>{fmt.exact(span.at, zone)} {step}</dd>")
        before = span.at
    tries = t("job.tries", n=job.row.attempt, all=job.row.attempts)
    lines.append(f"<dt>{escape(t('jobs.column.attempt'))}</dt><dd>{escape(tries)}</dd>")
    for key, value in (("job.worker", job.row.worker), ("job.lane", job.row.lane), ("jobs.queue", job.row.queue)):
        if value:
            lines.append(f"<dt>{escape(t(key))}</dt><dd>{escape(value)}</dd>")
    st.html(f'<dl class="rv-facts">{"".join(lines)}</dl>')


def payload(job: inspect.JobDetail) -> None:
    """What it was given, and what it returned."""
    st.html(f'<h2 class="rv-h2">{escape(t("job.data"))}</h2>')
    st.json(job.kwargs, expanded=True)
    if job.result is not None:
        st.html(f'<h2 class="rv-h2">{escape(t("job.result"))}</h2>')
        st.json(job.result if isinstance(job.result, dict | list) else {"value": job.result}, expanded=True)


def story(job: inspect.JobDetail) -> None:
    """What the job was about: the turn it dealt with, or the message it sends."""
    mid = job.kwargs.get("message")
    turn_id = data.turn_in(job.result) or (turns.of_message(on.db, on.tenant, mid) if isinstance(mid, str) else "")
    turn = turns.turn(on.db, on.tenant, turn_id) if turn_id else None
    if turn is not None:
        if turn.job and turn.job != job.row.id:
            other = f'<a data-go href="/job?id={quote(turn.job, safe="")}">{escape(t("turn.other_job"))}</a>'
            st.html(f'<p class="rv-note">{status.icon("info")}<span>{escape(t("turn.other"))} {other}.</span></p>')
        asked = turns.bubbles(on.db, on.tenant, turn.messages)
        st.html(panel.html(turn, asked, turns.bubbles(on.db, on.tenant, turn.parts), zone=zone))
        return
    own = turns.bubbles(on.db, on.tenant, [mid]) if isinstance(mid, str) else []
    if own and own[0].dir == "out":
        st.html(panel.message(own[0], zone=zone))


draw()
