"""The functions that jobs name by path. Thin: what they do stands below them."""

from __future__ import annotations

import random
import time
from typing import Any

from redis.exceptions import RedisError

from common.errors import Later, MessageRefused
from common.messages import DEFAULT_TENANT
from common.queueing.context import current_job
from common.store.outage import is_outage
from workers import reconciling
from workers.delivery import Lease
from workers.pipeline import pipeline
from workers.wiring import services


async def answer(*, tenant: str, message: str) -> dict[str, Any]:
    """Deal with an inbound message. Safe to repeat: a message that was dealt with says by which turn."""
    job = _job()
    try:
        turn = await pipeline.answer(tenant, message, job, services())
    except RedisError as error:
        _outage_costs_nothing(error)
        raise
    if turn is None:
        return {"outcome": "gone"}
    return {"outcome": turn.outcome, "turn": turn.reason if turn.outcome == "already" else turn.id}


async def send_message(*, tenant: str, message: str) -> dict[str, Any]:
    """Send an outbound message of a person or the API. Safe to repeat."""
    job = _job()
    lease = Lease(job.queue, job.id, job.execution)
    try:
        delivered = await services().delivery.deliver(tenant, [message], lease)
        await services().delivery.settle(delivered)
    except RedisError as error:
        _outage_costs_nothing(error)
        raise
    if not delivered.sent:
        raise MessageRefused(delivered.why or "the message no longer exists")
    return {"outcome": "sent"}


async def reconcile() -> dict[str, int]:
    """Repair what should never be broken; what it returns is zero in calm weather."""
    return await reconciling.reconcile(services(), DEFAULT_TENANT)


def _outage_costs_nothing(error: RedisError) -> None:
    """While Redis is away, full or changing its primary, no attempt of a job is spent: the message cannot help it.

    Raises:
        Later: in its place.
    """
    if is_outage(error):
        raise Later(time.time() + random.uniform(0.5, 2.0), f"Redis: {type(error).__name__}") from error


def _job() -> Any:
    job = current_job()
    if job is None:
        raise RuntimeError("a job of Relevo runs in a worker only")
    return job
