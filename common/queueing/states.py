"""The names that people and other queues use for RQ's states."""

from __future__ import annotations

from collections.abc import Mapping

#: Name -> RQ's state. `paused` is what waits in a queue that is paused.
NAMES = {
    "waiting": "queued", "active": "started", "completed": "finished", "failed": "failed", "delayed": "scheduled",
    "deferred": "deferred", "paused": "queued",
}  # fmt: skip


def rq_state(name: str) -> str:
    """RQ's state of either kind of name.

    Raises:
        ValueError: it is neither.
    """
    state = NAMES.get(name, name)
    if state not in NAMES.values():
        raise ValueError(f"unknown state; one of {', '.join(NAMES)}")
    return state


def named(counts: Mapping[str, int], *, paused: bool) -> dict[str, int]:
    """Counts by RQ's states as counts by NAMES."""
    out = {name: counts[state] for name, state in NAMES.items()}
    out["waiting" if paused else "paused"] = 0
    return out
