"""What a running job tells of itself: how far it is, and lines for whoever looks at it.

Both are for people: no text or number of a customer goes in.
"""

from __future__ import annotations

from typing import Any

import orjson
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from common.queueing import keys
from common.queueing.context import current_job
from common.queueing.job import DAY

MOST = 200  # lines a job
MOST_EVENTS = 5_000  # a queue, as q_event has it
LONGEST = 500  # characters a line


async def progress(db: AsyncRedis, percent: float, note: str = "") -> None:
    """Say how far the current job is, 0 to 100; outside of a job nothing happens."""
    job = current_job()
    if job:
        done = min(100.0, max(0.0, float(percent)))
        fields: dict[Any, Any] = {"progress": f"{done:g}", "progress_note": note[:LONGEST]}
        event: dict[Any, Any] = {"kind": "progress", "job": job.id, "detail": f"{done:g}"}
        pipe = db.pipeline(transaction=False)
        pipe.hset(keys.job(job.id), mapping=fields)
        pipe.xadd(keys.events(job.queue), event, maxlen=MOST_EVENTS, approximate=True)
        await pipe.execute()


async def note(db: AsyncRedis, line: str, *, now: float) -> None:
    """Add a line to the current job's log, the newest MOST are kept; outside of a job nothing happens."""
    job = current_job()
    if job:
        pipe = db.pipeline(transaction=False)
        pipe.rpush(keys.log(job.id), orjson.dumps([now, line[:LONGEST]]))
        pipe.ltrim(keys.log(job.id), -MOST, -1)
        pipe.expire(keys.log(job.id), 7 * DAY)
        await pipe.execute()


def read_progress(db: Redis, job_id: str) -> tuple[float, str] | None:
    """Percent and note; None when the job has said nothing."""
    found: Any = db.hmget(keys.job(job_id), "progress", "progress_note")
    return (float(found[0]), (found[1] or b"").decode(errors="replace")) if found[0] else None


def read_log(db: Redis, job_id: str) -> list[tuple[float, str]]:
    """Its lines as (unix s, text), oldest first."""
    found: Any = db.lrange(keys.log(job_id), 0, -1)
    return [(float(at), str(line)) for at, line in map(orjson.loads, found)]
