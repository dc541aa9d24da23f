"""Jobs and scripts of test_engine_turnover."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from redis.asyncio import Redis

from common.errors import Later
from common.queueing.context import conclude, current_job
from common.store.scripts import Call, Script

_HERE = "tests.integration"
LOOK, NOTE, NOTES, STRANGER = (Script(_HERE, name) for name in ("look", "note", "notes", "stranger"))


def db() -> Redis:
    return Redis.from_url(os.environ["TEST_REDIS_URL"])


async def briefed(**_kwargs: Any) -> None:
    """Tells what it knew as it began."""
    job = current_job()
    assert job is not None
    told = job.briefing
    await db().hset("briefings", job.id, "None" if told is None else told[0].decode() if told else "nothing")


async def unbriefed() -> None:
    await briefed()


async def concluding(notes: list[str]) -> None:
    """The first note by one script, all others by the other."""
    first, *others = notes
    assert conclude([Call(NOTE, (first,))])
    if others:
        assert conclude([Call(NOTES, tuple(others))])


async def stranger() -> None:
    await db().set("stranger", str(conclude([Call(NOTE, ("known",)), Call(STRANGER, ())])))


async def concluding_then_failing() -> None:
    conclude([Call(NOTE, ("so far",))])
    raise ValueError


async def concluding_when_told() -> None:
    await db().set("begun", 1)
    while not await db().exists("go"):  # noqa: ASYNC110  another process writes it
        await asyncio.sleep(0.01)
    conclude([Call(NOTE, ("told",))])


async def later() -> None:
    raise Later(time.time() + 60, "not now")
