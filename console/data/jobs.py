"""Rows of the job list and of one job's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from common.queueing.inspect import JobDetail, JobRow
from console.data import format as fmt
from console.data import inbox
from console.text import word

PAGE = 50

#: What a job function does: names of the group `job.work`.
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
    return word("job.work", WORK[func]) if func in WORK else func.rpartition(".")[2] or func


def cid_of(lane: str) -> str:
    """The conversation that a lane stands for; "" when it is another kind of lane."""
    end = lane.rpartition(":")[2]
    return end if "." in end else ""


def contact_of(lane: str, names: Mapping[str, tuple[str, str]]) -> str | None:
    """A link to the conversation of a lane, with the contact's name in its fragment, from where the table shows it.

    A conversation that is gone is named by the pseudonymous start of its contact: enough to see what belongs together.
    """
    cid = cid_of(lane)
    if not cid:
        return None
    name = inbox.full_name(*names[cid]) if cid in names else cid.rpartition(".")[2][:7]
    return f"/inbox?{urlencode({'show': 'all', 'chat': cid})}#{quote(name, safe='')}"


def table(rows: Sequence[JobRow], *, now: float, names: Mapping[str, tuple[str, str]]) -> list[dict[str, Any]]:
    """A line per job, fields in the order of the columns. `names`: (label, tail) by conversation."""
    return [
        {
            "id": fmt.short_id(row.id),
            "func": what(row.func),
            "lane": contact_of(row.lane, names),
            "age": fmt.ago(now - row.created_at) if row.created_at else fmt.NEVER,
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
    return named if isinstance(named, str) else cid_of(job.row.lane) or None


def turn_in(result: object) -> str:
    """The turn that an answer job names as its result; "" when it names none."""
    named = result.get("turn") if isinstance(result, dict) else None
    return named if isinstance(named, str) else ""


def _between(start: float | None, end: float | None) -> str:
    if not start or not end:
        return fmt.NEVER
    return fmt.precise(max(0.0, end - start))
