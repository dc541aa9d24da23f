"""Clocks that jump: what waits goes by Redis' clock, so a machine that is an hour off delays nobody by an hour."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from common.conversations.scripts import COMMIT_TURN
from common.errors import AccountBlocked, Later, SendOutcomeUnknown
from common.graph.client import Accepted
from common.messages import job_id
from common.queueing.context import JobContext
from common.store import keys
from common.store.vault import Vault
from tests.builders import PHONE_ID, make_inbound, make_settings
from webhook_app.ingest import Ingest
from workers.delivery import Delivery, Lease
from workers.pipeline.steps.load import load

T, VAULT, HOUR = "default", Vault(["test-key"]), 3600.0
OFF = (-HOUR, HOUR)


class Graph:
    """Answers one send."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.posted = 0

    async def send(self, _number: str, **_message: Any) -> Accepted:
        self.posted += 1
        if self.error:
            raise self.error
        return Accepted("wamid.1")


def clock(ahead: float) -> Any:
    return SimpleNamespace(now=lambda: time.time() + ahead)


def bubble(db: Redis) -> str:
    """One bubble of the bot that stands as intent, and a lease on its job."""
    now, mid = time.time(), "o-x-0"
    Ingest(db, VAULT, make_settings()).accept([make_inbound(sent_at=now)], now=now)
    cid = db.zrange(keys.index(T, "all"), 0, -1)[0].decode()
    db.zadd("rq:wip:whatsapp-ai", {"wa-1:e1": now + 60})
    body = VAULT.seal(b'{"type":"text","text":{"body":"hola"}}')
    COMMIT_TURN(
        db, T, cid, "t-x", now, "20260101", 900_000, "whatsapp-ai", "wa-1", "e1", "", 0, 0, 1, 0,
        mid, "text", "hola", body, "bot",
    )  # fmt: skip
    return mid


def deliver(url: str, mid: str, graph: Graph, ahead: float) -> Any:
    """One delivery by a worker whose clock is `ahead` seconds off."""

    async def go() -> Any:
        async with AsyncRedis.from_url(url) as db:
            settings = make_settings(settle_seconds=2, graph_timeout_seconds=1, account_probe_seconds=5)
            delivery = Delivery(db, VAULT, graph, clock(ahead), settings)  # type: ignore[arg-type]
            delivered = await delivery.deliver(T, [mid], Lease("whatsapp-ai", "wa-1", "e1"))
            await delivery.settle(delivered)
            return delivered

    return asyncio.run(go())


@pytest.mark.parametrize("ahead", OFF)
def test_a_blocked_number_rests_as_long_as_it_should(db: Redis, redis_url: str, ahead: float) -> None:
    """Five seconds by Redis; whoever asks meanwhile comes back then, instead of asking all the time."""
    mid = bubble(db)
    with pytest.raises(Later) as later:
        deliver(redis_url, mid, Graph(AccountBlocked("190", code=190)), ahead)
    assert later.value.at == pytest.approx(time.time() + 5, abs=1)
    assert float(db.hget(keys.number(T, PHONE_ID), "paused_until")) == pytest.approx(time.time() + 5, abs=1)
    again = Graph()
    with pytest.raises(Later) as later:
        deliver(redis_url, mid, again, -ahead)
    assert later.value.at == pytest.approx(time.time() + 5, abs=1)
    assert again.posted == 0


@pytest.mark.parametrize("ahead", OFF)
def test_a_message_of_unknown_fate_waits_for_the_settle_time_and_no_hour(
    db: Redis, redis_url: str, ahead: float
) -> None:
    """Not sent again before it is over, by any clock."""
    mid = bubble(db)
    with pytest.raises(Later) as later:
        deliver(redis_url, mid, Graph(SendOutcomeUnknown()), ahead)
    assert later.value.at == pytest.approx(time.time() + 3, abs=1)
    again = Graph()
    with pytest.raises(Later):
        deliver(redis_url, mid, again, -ahead)
    assert again.posted == 0


@pytest.mark.parametrize("ahead", OFF)
def test_a_web_that_is_an_hour_off_puts_no_burst_off_by_an_hour(db: Redis, ahead: float) -> None:
    """The turn begins when the quiet time is over by Redis."""
    message = make_inbound(sent_at=time.time())
    Ingest(db, VAULT, make_settings(quiet_seconds=1)).accept([message], now=time.time() + ahead)
    due = db.zscore("rq:scheduler:scheduled_jobs", job_id(message.mid))
    assert due == pytest.approx(time.time() + 1, abs=0.5)


@pytest.mark.parametrize("ahead", OFF)
def test_a_worker_that_is_an_hour_off_waits_for_no_quiet_in_another_hour(
    db: Redis, redis_url: str, ahead: float
) -> None:
    """It takes the turn at once: the scheduler has waited already."""
    settings, message = make_settings(quiet_seconds=1), make_inbound(sent_at=time.time())
    Ingest(db, VAULT, settings).accept([message], now=time.time())

    async def go() -> Any:
        async with AsyncRedis.from_url(redis_url) as client:
            services: Any = SimpleNamespace(db=client, vault=VAULT, clock=clock(ahead), settings=settings)
            job = JobContext(job_id(message.mid), "e1", "whatsapp-ai", "lane", 1, 5, time.time(), "w")
            return await load(T, message.mid, job, services)

    turn = asyncio.run(go())
    assert [one.mid for one in turn.messages] == [message.mid]
