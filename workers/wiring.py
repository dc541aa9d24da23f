"""The composition root of the worker process: made once per event loop, by the worker or by the first job."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import structlog
from redis.exceptions import RedisError

from common import garbage
from common import settings as settings_module
from common.ai.factory import build
from common.clock import SystemClock
from common.conversations.commands import day
from common.conversations.scripts import CLOSE_TURN, DEAD_TURN, LOAD_TURN, SETTLE_SEND
from common.graph.client import GraphClient
from common.handover.detect import detect
from common.http.client import HttpClient
from common.messages import DEFAULT_TENANT
from common.pii.redact import warm
from common.rag.retrieval import KnowledgeBase
from common.settings import Settings
from common.store.connection import connect_async
from common.store.retell import HOLD, KEPT, Recent
from common.store.vault import Vault
from workers.delivery import Delivery
from workers.engine.run import DeadJob
from workers.engine.scripts import Briefing, Turnover, turnover
from workers.pipeline.steps.load import single
from workers.pipeline.turn import Services

log = structlog.get_logger("worker")


@dataclass(frozen=True, slots=True)
class _Open:
    services: Services
    http: HttpClient


_open: WeakKeyDictionary[asyncio.AbstractEventLoop, _Open] = WeakKeyDictionary()


def services() -> Services:
    """The services of the running loop."""
    loop = asyncio.get_running_loop()
    held = _open.get(loop)
    if held is None:
        held = _open[loop] = wire(settings_module.load())
    return held.services


def wire(settings: Settings) -> _Open:
    """Everything a worker uses, from its settings."""
    settings.require("whatsapp_access_token")
    if not settings.seal_secrets():
        settings_module.stop("encryption_key", "is required (or WHATSAPP_APP_SECRET, from which one is derived)")
    token = settings.whatsapp_access_token
    http = HttpClient(connect_seconds=min(5.0, settings.graph_timeout_seconds / 2))
    db = connect_async(settings, connections=settings.worker_concurrency + 10)
    db.recent = Recent(kept=KEPT + settings.graph_timeout_seconds, hold=HOLD)
    vault = Vault(settings.seal_secrets())
    clock = SystemClock()
    graph = GraphClient(
        http,
        base_url=settings.graph_api_url,
        version=settings.graph_api_version,
        token=token.get_secret_value() if token else "",
        timeout=settings.graph_timeout_seconds,
    )
    return _Open(
        Services(
            settings=settings,
            db=db,
            vault=vault,
            clock=clock,
            receipts=graph,
            delivery=Delivery(db, vault, graph, clock, settings, db.recent),
            ai=build(settings, http),
            knowledge=KnowledgeBase(),
        ),
        http,
    )


def scripts(settings: Settings) -> Turnover:
    """A turn is loaded as its job is taken, and ends with it."""
    load_turn = Briefing(LOAD_TURN, ("tenant", "message"), (single(settings.quiet_seconds),))
    return turnover({"workers.jobs.answer": load_turn}, (CLOSE_TURN, SETTLE_SEND))


async def start() -> None:
    """Open what the jobs use, before the first one runs: no customer waits for it."""
    warm()
    held = services()
    detect("humano", extra=held.settings.handover_words)
    with contextlib.suppress(RedisError, OSError):  # the jobs will bear it
        await held.knowledge.current(held.db, DEFAULT_TENANT)
    garbage.settle()


async def stop() -> None:
    """Close it."""
    held = _open.pop(asyncio.get_running_loop(), None)
    if held:
        await held.http.aclose()
        await held.services.db.aclose()


async def on_dead(job: DeadJob) -> None:
    """A job failed for good: its chat goes to a person, with the reason."""
    tenant, message = job.kwargs.get("tenant"), job.kwargs.get("message")
    if not tenant or not message:
        return
    now = services().clock.now()
    handed = await DEAD_TURN.run(services().db, tenant, now, day(now), message, f"failed: {job.reason}"[:300])
    log.error("dead letter", job=job.id, queue=job.queue, reason=job.reason, handed_over=handed == 1)
