"""Failed jobs by what went wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis

from common.queueing import keys

_VARIES = re.compile(r"[0-9a-f]{8,}|\d+(?:\.\d+)?")
CHUNK = 500
LOOKED_AT = 10_000  # newest failed jobs that are grouped


@dataclass(frozen=True, slots=True)
class Group:
    """Failed jobs with the same kind of error; `newest` is one of them, to look at."""

    error: str
    count: int
    newest: str


def fingerprint(error: str) -> str:
    """An error's line without what differs from job to job: numbers and ids become `#`."""
    return _VARIES.sub("#", error)


def matches(error: str, wanted: str) -> bool:
    """`wanted` is the error's fingerprint, or how its line begins."""
    return error.startswith(wanted) or fingerprint(error) == wanted


def groups(db: Redis, queue: str, *, most: int = LOOKED_AT) -> list[Group]:
    """The newest `most` failed jobs of a queue by fingerprint, the largest group first."""
    found: dict[str, Group] = {}
    for first in range(0, most, CHUNK):
        last = min(first + CHUNK, most) - 1
        ids: Any = db.zrange(keys.failed(queue), first, last, desc=True)
        for job_id, error in zip(ids, errors_of(db, ids), strict=True):
            name = fingerprint(error)
            seen = found.get(name)
            found[name] = Group(name, seen.count + 1, seen.newest) if seen else Group(name, 1, job_id.decode())
        if len(ids) < CHUNK:
            break
    return sorted(found.values(), key=lambda group: -group.count)


def errors_of(db: Redis, ids: Sequence[bytes]) -> list[str]:
    """The last error of each job, one line; '' when it has none."""
    pipe = db.pipeline(transaction=False)
    for job_id in ids:
        pipe.hget(keys.job(job_id.decode()), "error")
    return [(error or b"").decode(errors="replace") for error in pipe.execute()]
