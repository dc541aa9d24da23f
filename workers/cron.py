"""The cron table: what runs by itself. Registering twice makes one."""

from __future__ import annotations

from redis import Redis

from common.queueing import repeat
from common.queueing.queues import MAINTENANCE

TABLE = (
    repeat.Repeat(
        id="reconcile",
        queue=MAINTENANCE,
        func="workers.jobs.reconcile",
        every=30,
        attempts=1,
        description="find promises that nobody keeps",
    ),
)


def register(db: Redis, *, now: float) -> None:
    """Put the table into Redis, for whichever scheduler runs."""
    for entry in TABLE:
        repeat.add(db, entry, now=now)
