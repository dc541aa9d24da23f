"""Reconcilers: cheap looks, every half a minute, for promises that nobody keeps any more.

Each repair is counted: above zero in calm weather is a bug somewhere else.
"""

from __future__ import annotations

import uuid
from collections import Counter

import orjson
import structlog

from common.clock import iso
from common.conversations.commands import day
from common.conversations.scripts import RECONCILE_OPEN, RECONCILE_WAITING
from common.handover.texts import say
from common.messages import digest
from common.queueing.job import JobSpec
from common.queueing.queues import ANSWER, MESSAGES, SEND_MESSAGE, WHATSAPP_AI
from common.store import keys
from common.store.scripts import Call, run_batch_async
from workers.pipeline.turn import Services

log = structlog.get_logger("reconcile")

OPEN_FOR = 120.0  # seconds a message may be unanswered before anybody looks whether its job lives
MOST = 500  # conversations a pass


async def reconcile(services: Services, tenant: str) -> dict[str, int]:
    """One pass; how often each repair was made."""
    done = Counter({"requeued": 0, "dead": 0, "reminded": 0, "back": 0})
    calls = [*await _open(services, tenant), *await _waiting(services, tenant)]
    for result in await run_batch_async(services.db, calls):
        if isinstance(result, Exception):
            raise result
        if result:
            done[result.decode()] += 1
    repaired = done["requeued"] + done["dead"]
    if repaired:
        log.warning("unanswered messages had no live job", **done)
    return dict(done)


async def _open(services: Services, tenant: str) -> list[Call]:
    now = services.clock.now()
    job = JobSpec(
        id="x", queue=WHATSAPP_AI, func=ANSWER, kwargs={"tenant": tenant, "message": "%MID%"},
        attempts=services.settings.retry_attempts, timeout=services.settings.job_timeout_seconds,
        description="answer (made again)",
    )  # fmt: skip
    cids: list[bytes] = await services.db.zrangebyscore(  # type: ignore[assignment]
        keys.index(tenant, "open"), "-inf", now - OPEN_FOR, start=0, num=MOST
    )
    fields = job.fields(now)
    return [Call(RECONCILE_OPEN, (tenant, cid, now, iso(now), day(now), job.queue, *fields)) for cid in cids]


async def _waiting(services: Services, tenant: str) -> list[Call]:
    settings, now = services.settings, services.clock.now()
    remind, back = settings.waiting_remind_minutes * 60, settings.waiting_back_minutes * 60
    soonest = min(remind, back) if back else remind
    cids: list[bytes] = await services.db.zrangebyscore(  # type: ignore[assignment]
        keys.index(tenant, "waiting"), "-inf", now - soonest, start=0, num=MOST
    )
    pipe = services.db.pipeline(transaction=False)
    for cid in cids:
        pipe.hget(keys.session(tenant, cid.decode()), "lang")
    langs = await pipe.execute() if cids else []
    return [
        _word(services, tenant, cid, (lang or b"").decode() or settings.default_language, remind, back, now)
        for cid, lang in zip(cids, langs, strict=True)
    ]


def _word(services: Services, tenant: str, cid: bytes, lang: str, remind: float, back: float, now: float) -> Call:
    mid = "o-" + digest(uuid.uuid4().hex)
    job = JobSpec(
        id="out-" + mid.removeprefix("o-"), queue=MESSAGES, func=SEND_MESSAGE,
        kwargs={"tenant": tenant, "message": mid}, description="a word to one who waits",
    )  # fmt: skip
    texts = [say("still_waiting", lang), say("back_to_bot", lang)]
    bodies = [services.vault.seal(orjson.dumps({"type": "text", "text": {"body": text}})) for text in texts]
    return Call(
        RECONCILE_WAITING,
        (
            tenant, cid, now, iso(now), day(now), services.settings.transcript_days * 86400, remind, back, mid,
            texts[0], bodies[0], texts[1], bodies[1], job.id, job.queue, *job.fields(now),
        ),
    )  # fmt: skip
