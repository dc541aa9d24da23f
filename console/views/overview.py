"""The first page: who waits, what is stuck, who works."""

from __future__ import annotations

import streamlit as st

from common.conversations import reads
from common.queueing import inspect, manage, queues
from console import wiring
from console.data import format as fmt
from console.data import overview as data
from console.text import t
from console.widgets import alarms, charts, frame, live, notices, people, tiles, url

WORKER_COLUMNS = ("name", "state", "jobs", "heartbeat", "up", "totals")
SLOW = 60.0  # seconds in a queue that call for somebody
on = wiring.services()
zone = fmt.zone_of(st.context.timezone)


@live.live("overview_numbers", 5)
def numbers() -> None:
    """Heading, banners, tiles."""
    now = on.clock.now()
    counts = inspect.counts(on.db, queues.ALL)
    workers = inspect.workers(on.db)
    frame.heading(t("overview.title"), t("overview.fresh", at=fmt.exact(now, zone)[11:]))
    alarms.draw()
    st.html(tiles.row(numbers_of(counts, workers, now)))


@live.live("overview_people", 5)
def waiting() -> None:
    """Who waits for a person, longest first."""
    st.html(f'<h2 class="rv-h2">{t("overview.people")}</h2>')
    rows = reads.list_conversations(on.db, on.tenant, index="waiting", limit=7).rows
    if rows:
        st.html(people.waiting_list(rows, now=on.clock.now()))
    else:
        notices.empty(t("inbox.empty.waiting"), t("inbox.empty.waiting_next"), icon="mark_chat_read")


@live.live("overview_queues", 5)
def machinery() -> None:
    """Counts by queue and state, and who works."""
    counts = inspect.counts(on.db, queues.ALL)
    paused = manage.paused(on.db)
    rows = data.queue_rows(counts, inspect.STATES, paused)
    st.html(tiles.queue_table(rows, inspect.STATES, title=t("overview.queues"), paused=paused))
    workers = data.worker_rows(inspect.workers(on.db), now=on.clock.now())
    if workers:
        st.html(tiles.worker_table(workers, {column: t(f"worker.column.{column}") for column in WORKER_COLUMNS}))


def numbers_of(counts: dict[str, dict[str, int]], workers: list[inspect.WorkerRow], now: float) -> list[tiles.Tile]:
    """The six tiles."""
    waiting = reads.waiting_people(on.db, on.tenant, now=now)
    held = reads.counts(on.db, on.tenant)
    day = reads.day_counters(on.db, on.tenant, now=now)
    busy = [name for name in queues.ALL if counts[name]["queued"]]
    oldest = data.oldest({name: inspect.oldest_queued(on.db, name, now=now) for name in busy})
    failed = data.total(counts, "failed")
    wait = t("overview.waiting_note", wait=fmt.duration(waiting.oldest_seconds))
    split = t("overview.conversations_note", bot=fmt.number(held["bot"]), human=fmt.number(held["human"]))
    return [
        tiles.Tile(
            t("overview.waiting"), fmt.number(waiting.count), wait if waiting.count else t("overview.no_wait"),
            "/inbox?show=waiting", "orange" if waiting.count else "",
        ),
        tiles.Tile(
            t("overview.oldest"), fmt.duration(oldest.seconds) if oldest.queue else fmt.NEVER,
            t("overview.oldest_note", queue=oldest.queue) if oldest.queue else t("overview.oldest_none"),
            f"/jobs?queue={oldest.queue or queues.ALL[0]}&state=queued", "red" if oldest.seconds > SLOW else "",
        ),
        tiles.Tile(
            t("overview.failed"), fmt.number(failed), t("overview.failed_note"),
            f"/jobs?queue={data.most(counts, 'failed')}&state=failed", "red" if failed else "",
        ),
        tiles.Tile(t("overview.conversations"), fmt.number(held["all"]), split, "/inbox?show=all"),
        tiles.Tile(
            t("overview.answered"), fmt.number(day.get("answered", 0)),
            t("overview.answered_note", inbound=fmt.number(day.get("inbound", 0))), "/inbox?show=bot",
        ),
        tiles.Tile(
            t("overview.workers"), fmt.number(len(workers)),
            t("overview.workers_note", jobs=fmt.number(data.total(counts, "started"))), "/jobs?state=started",
            "" if workers else "red",
        ),
    ]  # fmt: skip


@st.cache_data(ttl=15, max_entries=8, show_spinner=False)
def depth_of(span: str, until: float) -> dict[str, list[tuple[float, int]]]:
    """The series of a chart; shared by all who look at it, new every 15 s."""
    since = until - data.RANGES[span]
    return data.depth_series(inspect.samples(on.db, since=since), since=since, until=until)


@live.live("overview_depth", 15)
def depth() -> None:
    """Queued jobs over time."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.html(f'<h2 class="rv-h2">{t("overview.chart")}</h2>', width="content")
        span = url.buttons(t("overview.range"), tuple(data.RANGES), "span", key="overview_span", named=str)
    until = on.clock.now() // 15 * 15 + 15
    series = depth_of(span, until)
    if not series:
        notices.empty(t("overview.chart_empty"), t("overview.chart_empty_next"), icon="show_chart")
        return
    figure = charts.depth(series, since=until - data.RANGES[span], until=until, zone=zone)
    st.plotly_chart(figure, key="overview_depth_chart", config=charts.CONFIG, alt=t("overview.chart"))


numbers()
left, right = st.columns([2, 1], gap="medium")
with left:
    depth()
with right:
    waiting()
machinery()
