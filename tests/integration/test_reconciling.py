"""Promises that nobody keeps are found, and the customer is not forgotten."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from common.conversations.commands import Desk
from common.messages import job_id
from common.store import keys
from common.store.vault import Vault
from tests.builders import make_inbound, make_settings
from webhook_app.ingest import Ingest
from workers.reconciling import OPEN_FOR, reconcile

T, VAULT = "default", Vault(["test-key"])


@pytest.fixture
def pass_at(redis_url: str) -> Callable[..., dict[str, int]]:
    """One pass of the reconcilers at a given time."""

    def run(now: float, **settings: Any) -> dict[str, int]:
        async def go() -> dict[str, int]:
            async with AsyncRedis.from_url(redis_url) as db:
                clock = SimpleNamespace(now=lambda: now)
                services = SimpleNamespace(db=db, vault=VAULT, clock=clock, settings=make_settings(**settings))
                return await reconcile(services, T)  # type: ignore[arg-type]

        return {name: n for name, n in asyncio.run(go()).items() if n}

    return run


@pytest.fixture
def chat(db: Redis) -> tuple[str, str, float]:
    """One unanswered message: conversation, mid, time."""
    now, message = time.time(), make_inbound(sent_at=time.time())
    Ingest(db, VAULT, make_settings()).accept([message], now=now)
    return db.zrange(keys.index(T, "all"), 0, -1)[0].decode(), message.mid, now


Pass = Callable[..., dict[str, int]]


def test_calm_weather_needs_no_repair(pass_at: Pass, chat: tuple[str, str, float]) -> None:
    """A message whose job waits in its queue is left alone, however old it is."""
    assert pass_at(chat[2] + OPEN_FOR + 1) == {}


def test_a_message_without_a_job_gets_one_again(pass_at: Pass, chat: tuple[str, str, float], db: Redis) -> None:
    """Somebody deleted the job: it is made again once, for the same message, in the same lane."""
    cid, mid, now = chat
    db.delete(f"rq:job:{job_id(mid)}", "rq:queue:whatsapp-ai", f"rq:lane:{T}:{cid}")
    assert pass_at(now + 10) == {}
    assert pass_at(now + OPEN_FOR + 1) == {"requeued": 1}
    (job,) = db.lrange("rq:queue:whatsapp-ai", 0, -1)
    assert mid.encode() in db.hget(b"rq:job:" + job, "data")
    assert pass_at(now + 2 * OPEN_FOR + 2) == {}


def test_a_dead_job_that_told_nobody_gives_the_chat_to_a_person(
    pass_at: Pass, chat: tuple[str, str, float], db: Redis
) -> None:
    """The dead-letter hook itself died: the customer waits in front of a person after all."""
    cid, mid, now = chat
    db.hset(f"rq:job:{job_id(mid)}", "status", "failed")
    assert pass_at(now + OPEN_FOR + 1) == {"dead": 1}
    assert db.zrange(keys.index(T, "waiting"), 0, -1) == [cid.encode()]
    assert db.llen(keys.unanswered(T, cid)) == 0


def test_who_waits_for_a_person_hears_of_it_once_and_may_return_to_the_bot(
    pass_at: Pass, chat: tuple[str, str, float], db: Redis
) -> None:
    """One reminder after 15 minutes; with WAITING_BACK_MINUTES the bot takes over again, with an apology."""
    cid, _, now = chat
    desk = Desk(db, VAULT, transcript_days=90, region="CO")
    db.hset(keys.conversation(T, cid), mapping={"owner": "waiting", "since": now})
    db.zrem(keys.index(T, "bot"), cid)
    db.zadd(keys.index(T, "waiting"), {cid: now})
    assert pass_at(now + 10 * 60) == {}
    assert pass_at(now + 16 * 60) == {"reminded": 1}
    assert pass_at(now + 17 * 60) == {}
    assert pass_at(now + 61 * 60, waiting_back_minutes=60) == {"back": 1}
    assert db.hget(keys.conversation(T, cid), "owner") == b"bot"
    assert db.llen("rq:queue:messages") == 1  # the second one waits in its lane
    desk.take_over(T, cid, actor="ana", now=now)
    assert pass_at(now + 200 * 60, waiting_back_minutes=60) == {}
