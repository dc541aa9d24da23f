"""Figures of the whole installation, read from Redis: JSON, and Prometheus' text format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from redis import Redis

from common.conversations.reads import counts, day_counters
from common.messages import DEFAULT_TENANT
from common.queueing import inspect, queues
from webhook_app.readiness import live_workers

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Figures:
    """`queues`: jobs by queue and state; `today`: events since midnight UTC; `conversations`: how many stand where."""

    queues: Mapping[str, Mapping[str, int]]
    today: Mapping[str, int]
    conversations: Mapping[str, int]
    workers: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def measure(db: Redis, now: float) -> Figures:
    """The figures of this moment.

    Raises:
        RedisError: Redis does not answer.
    """
    today = day_counters(db, DEFAULT_TENANT, now=now)
    return Figures(inspect.counts(db, all_queues(db)), today, counts(db, DEFAULT_TENANT), live_workers(db))


def all_queues(db: Redis) -> list[str]:
    """The queues of Relevo, and every other that ever held a job."""
    return sorted({*queues.ALL, *inspect.queue_names(db)})


def prometheus(figures: Figures) -> str:
    """`figures` in Prometheus' text format."""
    lines = ["# HELP relevo_jobs Jobs by queue and state.", "# TYPE relevo_jobs gauge"]
    for queue, states in sorted(figures.queues.items()):
        lines += [f"relevo_jobs{{{_labels(queue=queue, state=state)}}} {n}" for state, n in sorted(states.items())]
    lines += ["# HELP relevo_events_today Events since midnight UTC.", "# TYPE relevo_events_today gauge"]
    lines += [f"relevo_events_today{{{_labels(event=name)}}} {n}" for name, n in sorted(figures.today.items())]
    lines += ["# HELP relevo_conversations Conversations by list.", "# TYPE relevo_conversations gauge"]
    lines += [f"relevo_conversations{{{_labels(list=name)}}} {n}" for name, n in figures.conversations.items()]
    lines += ["# HELP relevo_workers Live worker processes.", "# TYPE relevo_workers gauge"]
    return "\n".join([*lines, f"relevo_workers {figures.workers}", ""])


def _labels(**values: str) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in values.items())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
