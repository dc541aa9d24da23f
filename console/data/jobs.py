"""Rows of the job list and of one job's page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from common.queueing.inspect import JobDetail, JobRow
from console.data import format as fmt

PAGE = 50

#: What a job function does, in words.
WORK = {"workers.jobs.answer": "answer", "workers.jobs.send_message": "send"}


class Span(NamedTuple):
    """One step of a job's life: its name (a key of the text table) and when, unix seconds or 0."""

    key: str
    at: float


def pages(total: int) -> int:
    """Pages of PAGE rows, at least one."""
    return max(1, -(-total // PAGE))


def clamp(page: int, total: int) -> int:
    """A page number that exists; it comes from the URL."""
    return min(max(1, page), pages(total))


def what(func: str) -> str:
    """`answer` for `workers.jobs.answer`."""
    return WORK.get(func, func.rpartition(".")[2] or func)


def contact_of(lane: str) -> str:
    """The short, pseudonymous end of a lane: enough to see which jobs belong together."""
    return lane.rpartition(".")[2][:7] if "." in lane else lane.rpartition(":")[2][:12]


def table(rows: Sequence[JobRow], *, now: float) -> list[dict[str, Any]]:
    """A line per job, fields in the order of the columns."""
    return [
        {
            "id": fmt.short_id(row.id),
            "func": what(row.func),
            "lane": contact_of(row.lane),
            "age": f"{fmt.short(now - row.created_at)} ago" if row.created_at else fmt.NEVER,
            "waited": _between(row.enqueued_at, row.started_at or now),
            "ran": _between(row.started_at, row.ended_at or now),
            "attempt": f"{row.attempt}/{row.attempts}",
            "error": row.error or "",
        }
        for row in rows
    ]


def timeline(job: JobDetail) -> list[Span]:
    """When a job was made, queued, started and ended, as far as it came."""
    spans = [
        Span("job.created", job.row.created_at or 0.0),
        Span("job.due", job.due_at or 0.0),
        Span("job.enqueued", job.row.enqueued_at or 0.0),
        Span("job.started", job.row.started_at or 0.0),
        Span("job.ended", job.row.ended_at or 0.0),
    ]
    return [span for span in spans if span.at]


def chat_of(job: JobDetail) -> str | None:
    """The conversation that a job belongs to, from its data or its lane."""
    named = job.kwargs.get("conversation")
    if isinstance(named, str):
        return named
    end = job.row.lane.rpartition(":")[2]
    return end if "." in end else None


def _between(start: float | None, end: float | None) -> str:
    if not start or not end:
        return fmt.NEVER
    seconds = max(0.0, end - start)
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else fmt.duration(seconds)
