"""The pipeline of a turn, read from top to bottom."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable

import structlog

from common.queueing.context import JobContext
from workers.pipeline.steps.deliver import WroteMeanwhile, deliver
from workers.pipeline.steps.detect import detect_handover
from workers.pipeline.steps.gate import gate
from workers.pipeline.steps.generate import generate
from workers.pipeline.steps.load import load
from workers.pipeline.steps.opting import opting
from workers.pipeline.steps.record import record
from workers.pipeline.steps.redact import redact
from workers.pipeline.steps.retrieve import retrieve
from workers.pipeline.steps.review import review
from workers.pipeline.turn import Services, Turn

log = structlog.get_logger("turn")

Step = Callable[[Turn, Services], Turn | Awaitable[Turn]]

#: Deciding what to say. Skipped as a whole when an earlier execution had decided it.
DECIDE: tuple[Step, ...] = (gate, opting, detect_handover, retrieve, generate, review)

#: How often a turn takes in what the customer wrote while its answer was made; after that, the next turn answers it.
JOINS = 2


async def answer(tenant: str, mid: str, job: JobContext, services: Services) -> Turn | None:
    """Deal with inbound message `mid` and all others of its conversation that wait; None when it is gone.

    Raises:
        Later: the burst is not over, or the send must wait; nothing is lost.
        RelevoError: `retryable` says whether another attempt can help.
    """
    for joins in range(JOINS, -1, -1):
        loaded = await load(tenant, mid, job, services)
        job = job._replace(briefing=None)  # it was of before
        if loaded is None or loaded.stopped:
            return loaded
        with contextlib.suppress(WroteMeanwhile):
            turn = await _through(loaded._replace(joins=joins > 0 and services.settings.quiet_seconds > 0), services)
            break
    log.info(
        "turn", turn=turn.id, outcome=turn.outcome, reason=turn.reason, messages=len(turn.messages),
        parts=len(turn.part_ids), resumed=turn.resumed, ms={k: round(v, 1) for k, v in turn.timings.items()},
    )  # fmt: skip
    return turn


async def _through(turn: Turn, services: Services) -> Turn:
    timings: dict[str, float] = {}
    turn = redact(turn._replace(timings=timings), services)
    for step in (deliver,) if turn.resumed else (*DECIDE, deliver):
        if turn.stopped:
            break
        if turn.parts and step is not deliver:
            continue  # it is decided what to say
        turn = await _timed(step, turn, services, timings)
    return await record(turn, services)


async def _timed(step: Step, turn: Turn, services: Services, timings: dict[str, float]) -> Turn:
    started = time.perf_counter()
    after = step(turn, services)
    if not isinstance(after, Turn):
        after = await after
    timings[step.__name__] = (time.perf_counter() - started) * 1000
    return after
