"""What Redis holds, and what may have grown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis

#: Kinds of keys that grow with what customers write and are kept for TRANSCRIPT_DAYS (turns: 30 days).
KEPT = frozenset({"msg", "turn", "wamid"})
#: Kinds of keys of ended jobs: bounded by the newest 10,000 finished and 100,000 failed.
JOBS = frozenset({"rq:job", "rq:results"})
MOST_JOBS = 10_000
#: Kinds of keys of what is under way: one a customer or a running job, more or fewer at every moment.
UNDER_WAY = frozenset({"open", "limit", "rq:lane", "rq:execution", "rq:executions", "rq:wip", "rq:queue"})


@dataclass(frozen=True, slots=True)
class Measure:
    """Redis at one moment of a soak; `messages` were written by then."""

    messages: int
    used_memory: int
    keys: Mapping[str, int]

    @property
    def others(self) -> int:
        """Keys that constant load must keep at a constant number."""
        return sum(n for kind, n in self.keys.items() if kind not in KEPT | JOBS | UNDER_WAY)

    def as_dict(self) -> dict[str, Any]:
        return {"messages": self.messages, "used_memory": self.used_memory, "keys": dict(sorted(self.keys.items()))}


def measure(db: Redis, messages: int) -> Measure:
    """Count every key by its kind."""
    kinds = Counter(_kind(key.decode()) for key in db.scan_iter(count=5_000))
    return Measure(messages, int(db.info("memory")["used_memory"]), kinds)


def grown(start: Measure, half: Measure, end: Measure, failed_jobs: int) -> list[str]:
    """What grew in the second half and had no reason to; one line each."""
    found = []
    if end.others > half.others * 1.1 + 50:
        found.append(f"keys that should stay grew from {half.others} to {end.others}")
    if (jobs := end.keys.get("rq:job", 0)) > MOST_JOBS * 1.05 + failed_jobs + 500:
        found.append(f"{jobs} jobs are kept")
    first, second = _bytes_a_message(start, half), _bytes_a_message(half, end)
    if second > first * 1.15:
        found.append(f"a message took {second:.0f} bytes in the second half, {first:.0f} in the first")
    return found


def _bytes_a_message(before: Measure, after: Measure) -> float:
    return (after.used_memory - before.used_memory) / max(1, after.messages - before.messages)


def _kind(key: str) -> str:
    if match := re.match(r"rv:\{[^}]*\}:([a-z]+)", key):
        return match[1]
    return ":".join(key.split(":")[:2])
