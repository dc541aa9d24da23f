"""Jobs that the queue tests run; workers started for them allow `tests.faults.engine_jobs.`."""

from __future__ import annotations

import asyncio
import os
import random
import time
from pathlib import Path

from redis.asyncio import Redis

from common.errors import ChannelError, Later, MessageRefused
from common.queueing.context import current_job
from common.queueing.progress import note, progress

PATH = "tests.faults.engine_jobs."
_clients: dict[asyncio.AbstractEventLoop, Redis] = {}


def db() -> Redis:
    """One client per loop."""
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        _clients[loop] = Redis.from_url(os.environ["TEST_REDIS_URL"], max_connections=100)
    return _clients[loop]


async def noop() -> None:
    return None


async def incr(key: str = "n") -> None:
    await db().incr(key)


async def nap(seconds: float = 0.2) -> None:
    await asyncio.sleep(seconds)


async def echo(**kwargs: object) -> dict[str, object]:
    return {"got": kwargs, "attempt": _job().attempt}


async def fail(message: str = "down") -> None:
    raise ChannelError(message)


async def refuse() -> None:
    raise MessageRefused("number not on WhatsApp")


async def quote(text: str) -> None:
    """Fails with the customer's words in its error."""
    int(text)


async def fail_then_work(times: int) -> str:
    if _job().attempt <= times:
        raise ChannelError("not yet", retry_after=0.01)
    return "worked"


async def later(at: float) -> str:
    if time.time() < at:
        raise Later(at, "the pair is limited")
    return f"attempt {_job().attempt}"


async def block(seconds: float) -> None:
    time.sleep(seconds)  # noqa: ASYNC251  the fault under test


async def turn(contact: int, n: int, fails: float = 0.0, seconds: float = 0.01) -> None:
    """One turn of a lane, which tells when another job of it runs beside it, or another run of itself."""
    redis, lane = db(), f"lane-{contact}"
    if random.random() < fails:
        raise ChannelError("planned")
    beside = await redis.set(f"busy:{lane}", _job().id, px=500, get=True)
    if beside:
        await redis.rpush("reruns" if beside.decode() == _job().id else "overlaps", f"{lane}:{n}")
    await asyncio.sleep(seconds)
    await redis.rpush(f"order:{lane}", n)
    await redis.delete(f"busy:{lane}")


def plain() -> None:
    """Not a coroutine."""


def _job():
    job = current_job()
    assert job is not None
    return job


async def incr_and_block(seconds: float) -> None:
    """Once `go` is there it is done, and nobody hears of it for a while."""
    while not await db().exists("go"):  # noqa: ASYNC110  the test writes it
        await asyncio.sleep(0.01)
    await db().incr("n")
    time.sleep(seconds)  # noqa: ASYNC251  the loop stands still: its ending waits


async def report() -> None:
    """Tells how far it is."""
    await note(db(), "began", now=1.0)
    await progress(db(), 60, "second of three")
    await note(db(), "went on", now=2.0)


def cpu(n: int) -> dict[str, object]:
    """Work that would hold up an event loop."""
    return {"sum": sum(range(n)), "pid": os.getpid(), "job": _job().id}


def plain_fail() -> None:
    raise ChannelError("plainly down")


def plain_later(at: float) -> None:
    raise Later(at, "not yet")


def die() -> None:
    os._exit(9)


def sleep_as(path: str) -> None:
    """Says in a file who sleeps, then sleeps."""
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)
