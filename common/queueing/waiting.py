"""What waits in a queue: its own list, and one beside it for each other priority in use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from redis import Redis

from common.queueing import keys
from common.queueing.job import NORMAL

_BAND = re.compile(r":p\d+")


def is_band(name: str) -> bool:
    """The queue of this name is a list of another priority of a queue, not one of its own."""
    return bool(_BAND.search(name, max(0, len(name) - 4)))


def lists(db: Redis, queues: Sequence[str]) -> dict[str, list[str]]:
    """The lists of each queue, the most urgent first; one round trip."""
    pipe = db.pipeline(transaction=False)
    for queue in queues:
        pipe.zrange(keys.bands(queue), 0, -1, withscores=True)
    return {queue: _in_order(queue, bands) for queue, bands in zip(queues, pipe.execute(), strict=True)}


def lengths(db: Redis, queues: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
    """As `lists`, each list with how many jobs it holds."""
    found = lists(db, queues)
    pipe = db.pipeline(transaction=False)
    for key in _all(found.values()):
        pipe.llen(key)
    numbers = iter(pipe.execute())
    return {queue: [(key, int(next(numbers))) for key in its] for queue, its in found.items()}


def heads(db: Redis, queues: Sequence[str]) -> dict[str, list[str]]:
    """The next job of each list of each queue."""
    found = lists(db, queues)
    pipe = db.pipeline(transaction=False)
    for key in _all(found.values()):
        pipe.lindex(key, 0)
    ids = iter(pipe.execute())
    return {queue: [head.decode() for _ in its if (head := next(ids))] for queue, its in found.items()}


def page(db: Redis, queue: str, first: int, last: int) -> tuple[int, list[bytes]]:
    """How many jobs wait in a queue, and the ids from `first` to `last` in the order they will go."""
    its = lengths(db, [queue])[queue]
    ids: list[bytes] = []
    start = 0
    for key, length in its:
        if start + length > first and start <= last:
            part: Any = db.lrange(key, max(0, first - start), last - start)
            ids += part
        start += length
    return start, ids


def _in_order(queue: str, bands: Iterable[tuple[bytes, float]]) -> list[str]:
    marked = [*((priority, key.decode()) for key, priority in bands), (float(NORMAL), keys.queue(queue))]
    return [key for _, key in sorted(marked)]


def _all(found: Iterable[list[str]]) -> list[str]:
    return [key for its in found for key in its]
