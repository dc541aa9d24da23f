"""What happens to a queue's jobs, as a bounded stream that anyone may follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from redis import Redis

from common.queueing import keys

KINDS = ("completed", "failed", "stopped", "retried", "delayed", "stalled", "progress")
BATCH = 100


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Attributes:
        id: place in the stream; hand it to `events(after=...)` to go on behind it.
        at: unix seconds.
        kind: one of KINDS.
        detail: the error, the reason, the lost worker or the percent; one line.
    """

    id: str
    at: float
    kind: str
    job: str
    detail: str


def events(db: Redis, queue: str, *, after: str = "$", wait: float = 1.0) -> Iterator[Event | None]:
    """Events of a queue as they come, without end; None when `wait` seconds passed without one.

    `after` is `$` for from now on, `0` for everything that is kept, or the id of the last event seen; `wait` must be
    less than the client's socket time-out.

    Raises:
        RedisError: Redis is away; begin again behind the last id.
    """
    if after == "$":
        newest: Any = db.xrevrange(keys.events(queue), count=1)
        after = newest[0][0].decode() if newest else "0"
    while True:
        found = recent(db, queue, after=after)
        if not found:
            db.xread({keys.events(queue): after}, count=1, block=max(1, round(wait * 1000)))
            found = recent(db, queue, after=after)
        if not found:
            yield None
        for event in found:
            after = event.id
            yield event


def recent(db: Redis, queue: str, *, after: str = "0", count: int = BATCH) -> list[Event]:
    """At most `count` events behind the id `after`, oldest first."""
    entries: Any = db.xrange(keys.events(queue), min=f"({after}" if after != "0" else "-", count=count)
    return [_event(at, fields) for at, fields in entries]


def _event(at: bytes, fields: dict[bytes, bytes]) -> Event:
    kind, job, detail = (fields.get(name, b"").decode(errors="replace") for name in (b"kind", b"job", b"detail"))
    return Event(at.decode(), int(at.split(b"-")[0]) / 1000, kind, job, detail)
