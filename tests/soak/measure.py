"""What Redis holds, by kind of key, and what may have grown."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis

#: Kinds of keys that grow with what customers write, until the retention is over.
KEPT = frozenset({"msg", "turn", "wamid"})
#: Kinds of keys of ended jobs: bounded by the newest 10,000 finished and 100,000 failed.
JOBS = frozenset({"rq:job", "rq:results", "rq:finished"})
MOST_JOBS = 10_000
#: Lists of ids that are bounded by their length (2,000 a transcript, 5,000 events a queue), not by time.
BOUNDED = frozenset({"log", "rq:events"})
#: Kinds of keys of what is under way: one a customer or a running job, more or fewer at every moment.
UNDER_WAY = frozenset({"open", "limit", "rq:lane", "rq:execution", "rq:executions", "rq:wip", "rq:queue"})

SAMPLE = 200  # keys of a kind that are weighed
SLACK = 3_000_000  # bytes that buffers and what is under way come to, more or less at every moment


@dataclass(frozen=True, slots=True)
class Measure:
    """Redis at one moment of a soak; `messages` were written by then. `memory` is used_memory in bytes, typically.

    `bytes` are estimated by kind: the average of some keys times their number. `immortal` counts keys without TTL.
    """

    messages: int
    memory: int
    keys: Mapping[str, int]
    bytes: Mapping[str, int]
    immortal: Mapping[str, int]

    @property
    def others(self) -> int:
        """Keys that constant load must keep at a constant number."""
        return sum(n for kind, n in self.keys.items() if kind not in KEPT | JOBS | UNDER_WAY)

    def of(self, kinds: frozenset[str]) -> int:
        """Bytes of these kinds."""
        return sum(n for kind, n in self.bytes.items() if kind in kinds)

    def a_message(self) -> float:
        """Bytes of what is kept, for each message kept."""
        return self.of(KEPT) / max(1, self.keys.get("msg", 0))

    def as_dict(self) -> dict[str, Any]:
        return {
            "messages": self.messages, "used_memory": self.memory, "bytes_a_message_kept": round(self.a_message()),
            "keys": dict(sorted(self.keys.items())), "bytes": dict(sorted(self.bytes.items())),
            "without_ttl": dict(sorted(self.immortal.items())),
        }  # fmt: skip


def measure(db: Redis, messages: int, memory: int) -> Measure:
    """Count every key by its kind, and weigh some of each."""
    by_kind: dict[str, list[bytes]] = defaultdict(list)
    for key in db.scan_iter(count=5_000):
        by_kind[_kind(key.decode())].append(key)
    immortal = Counter({
        kind: sum(ttl == -1 for ttl in _asked(db, ("TTL",), by_kind[kind])) for kind in sorted(KEPT & by_kind.keys())
    })  # fmt: skip
    return Measure(
        messages,
        memory,
        {kind: len(found) for kind, found in by_kind.items()},
        {kind: _weight(db, found) for kind, found in by_kind.items()},
        +immortal,
    )


def grown(half: Measure, end: Measure, failed_jobs: int) -> list[str]:
    """What grew in the second half and had no reason to; one line each.

    The whole must be flat; jobs and lists of ids that had not reached their number at half time may still grow to it.
    """
    found = []
    if end.others > half.others * 1.1 + 50:
        found.append(f"keys that should stay grew from {half.others} to {end.others}")
    if (jobs := end.keys.get("rq:job", 0)) > MOST_JOBS * 1.05 + failed_jobs + 500:
        found.append(f"{jobs} jobs are kept")
    if end.memory - filling(half, end) > half.memory * 1.05 + SLACK:
        found.append(f"memory grew from {half.memory} to {end.memory} bytes")
    if end.a_message() > half.a_message() * 1.25:  # bursts are long or short: a reply answers more or fewer
        found.append(f"a message kept took {end.a_message():.0f} bytes at the end, {half.a_message():.0f} at half time")
    found += [f"{n} keys of the kind {kind} have no TTL" for kind, n in end.immortal.items()]
    return found


def filling(half: Measure, end: Measure) -> int:
    """Bytes by which what is bounded in number grew, not having reached its bound at half time."""
    kinds = BOUNDED | (JOBS if half.keys.get("rq:job", 0) < MOST_JOBS else frozenset())
    return max(0, end.of(kinds) - half.of(kinds))


def _weight(db: Redis, found: Sequence[bytes]) -> int:
    step = max(1, len(found) // SAMPLE)
    weights = [weight or 0 for weight in _asked(db, ("MEMORY", "USAGE"), found[::step])]
    return int(sum(weights) / max(1, len(weights)) * len(found))


def _asked(db: Redis, command: tuple[str, ...], found: Sequence[bytes]) -> list[Any]:
    pipe = db.pipeline(transaction=False)
    for key in found:
        pipe.execute_command(*command, key, *(("SAMPLES", 0) if "USAGE" in command else ()))
    return list(pipe.execute())


def _kind(key: str) -> str:
    if match := re.match(r"rv:\{[^}]*\}:([a-z]+)", key):
        return match[1]
    return ":".join(key.split(":")[:2])
