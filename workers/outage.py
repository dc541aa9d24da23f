"""Writing something down through an outage of Redis."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from common.queueing.context import conclude
from common.store.outage import is_outage
from common.store.scripts import Call, run_batch_async

#: Seconds that a worker goes on trying to write down what Graph has accepted, while Redis is away.
INSIST = 60.0


async def insist(db: Redis, calls: Sequence[Call]) -> list[Any]:
    """As run_batch_async, but through an outage of Redis, and to its end even when the job is cancelled meanwhile.

    Only this process knows the wamid of a bubble that was just posted: forgotten, it would be sent again should Meta's
    status come later than the settle time.
    """
    try:
        results = await run_batch_async(db, calls)  # as nearly always: no task of its own is needed
    except asyncio.CancelledError:
        task = asyncio.create_task(_insisting(db, calls))
        _alone.add(task)
        task.add_done_callback(_alone.discard)
        raise
    except (RedisConnectionError, RedisTimeoutError):
        results = None
    if results is not None and not any(map(is_outage, results)):
        return results
    return await asyncio.shield(asyncio.ensure_future(_insisting(db, calls)))


async def last_words(db: Redis, calls: Sequence[Call]) -> None:
    """Have `calls` written with the running job's ending; outside of a worker, write them now.

    Raises:
        RedisError: the answer to one of them, when they are written now.
    """
    if conclude(calls):
        return
    for result in await insist(db, calls):
        if isinstance(result, RedisError):
            raise result


_alone: set[asyncio.Task[list[Any]]] = set()


async def _insisting(db: Redis, calls: Sequence[Call]) -> list[Any]:
    until = time.monotonic() + INSIST
    while True:
        try:
            results = await run_batch_async(db, calls)
        except (RedisConnectionError, RedisTimeoutError):
            if time.monotonic() > until:
                raise
        else:
            if not any(map(is_outage, results)) or time.monotonic() > until:
                return results
        await asyncio.sleep(random.uniform(0.05, 0.2))
