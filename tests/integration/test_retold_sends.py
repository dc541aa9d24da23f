"""What a worker knows of a bubble that Redis has forgotten: it does not leave twice."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import orjson
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from common.clock import SystemClock
from common.conversations.commands import day
from common.conversations.scripts import LOAD_TURN, TELL_SEND
from common.errors import Later, NumberLimited, SendOutcomeUnknown
from common.graph.client import Accepted
from common.messages import digest
from common.store import keys
from common.store.retell import Recent
from common.store.scripts import run_batch
from tests.builders import make_inbound, make_status
from tests.integration.test_delivery import LEASE, SETTINGS, VAULT, Rig, ScriptedGraph, T
from webhook_app.ingest import Ingest
from workers.delivery import Delivery, Lease


def tell(db: Redis, mid: str, fact: str, wamid: str = "", execution: str = "e0", answers: bytes = b"") -> int:
    """What a worker tells of `mid`, as it says it."""
    sealed = VAULT.seal(wamid.encode()) if wamid else ""
    now = time.time()
    found = TELL_SEND(
        db, T, now, day(now), mid, execution, fact, 900_000, 40, sealed, digest(wamid) if wamid else "", answers
    )
    return int(found)


def forget(db: Redis, *mids: str) -> None:
    """The turn and its bubbles were never written, as far as Redis knows."""
    db.delete(keys.turn(T, "t-x"), *(keys.message(T, mid) for mid in mids))


def counted(db: Redis, name: str) -> int:
    return int(db.hget(keys.counters(T, day(time.time())), name) or 0)


def wamid_of(db: Redis, mid: str) -> str:
    return VAULT.open(db.hget(keys.message(T, mid), "wamid")).decode()


class Held:
    """A Graph that answers when it is let go."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.posts = 0
        self.let_go = asyncio.Event()
        self.posted = asyncio.Event()

    async def send(self, _number: str, **_message: Any) -> Accepted:
        self.posts += 1
        self.posted.set()
        await self.let_go.wait()
        match self.answers.pop(0):
            case Exception() as error:
                raise error
            case wamid:
                return Accepted(wamid)


def test_a_bubble_known_as_accepted_stands_so_when_it_is_decided_again(db: Redis, redis_url: str) -> None:
    """With its wamid, found by it; nothing is posted, and what was known aside is gone."""
    rig, graph = Rig(db, redis_url), ScriptedGraph()
    (mid,) = rig.commit("bot")
    forget(db, mid)
    assert tell(db, mid, "sending") == 1
    assert tell(db, mid, "accepted", "wamid.first", answers=b'["m-1"]') == 1
    assert 0 < db.ttl(keys.told(T, mid)) <= 600
    rig.commit("bot")
    assert rig.deliver(graph, [mid]).sent == 1
    assert (graph.sent, rig.state(mid), wamid_of(db, mid)) == ([], "accepted", "wamid.first")
    assert db.get(keys.wamid(T, digest("wamid.first"))) == mid.encode()
    assert not db.exists(keys.told(T, mid))
    assert not db.hexists(keys.message(T, mid), "messages")


@pytest.mark.parametrize("forgotten", [True, False], ids=["with its turn", "its leaving"])
def test_a_bubble_that_is_being_posted_elsewhere_waits_for_its_fate(
    db: Redis, redis_url: str, forgotten: bool
) -> None:
    """Whether Redis forgot the bubble or only that it was leaving; then its status settles it."""
    rig, graph = Rig(db, redis_url), ScriptedGraph()
    (mid,) = rig.commit("bot")
    if forgotten:
        forget(db, mid)
    assert tell(db, mid, "sending") == 1
    if forgotten:
        rig.commit("bot")
    with pytest.raises(Later) as later:
        rig.deliver(graph, [mid])
    assert 30 < later.value.at - time.time() < 41
    Ingest(db, VAULT, SETTINGS).accept([make_status(mid, "sent")], now=time.time())
    assert rig.deliver(graph, [mid]).sent == 1
    assert graph.sent == []


def test_a_send_that_began_while_others_had_not_told_yet_is_asked_again(db: Redis, redis_url: str) -> None:
    """What is told of a bubble that stands as sending for somebody else: its fate is not known, whoever sends it."""
    rig = Rig(db, redis_url)
    (mid,) = rig.commit("bot")
    with pytest.raises(Later):
        rig.deliver(ScriptedGraph(SendOutcomeUnknown("no answer")), [mid])
    assert tell(db, mid, "sending", execution="e0") == 1
    assert db.hget(keys.message(T, mid), "exec") == b"e0"
    assert tell(db, mid, "sending", execution="e0") == 0


def test_what_redis_knows_is_told_without_a_trace(db: Redis, redis_url: str) -> None:
    """Counted once, and no later state or error is taken back."""
    rig = Rig(db, redis_url)
    (mid,) = rig.commit("bot")
    rig.deliver(ScriptedGraph("wamid.first"), [mid])
    Ingest(db, VAULT, SETTINGS).accept([make_status(mid, "delivered", wamid="wamid.first")], now=time.time())
    before = db.hgetall(keys.message(T, mid))
    assert [tell(db, mid, "sending"), tell(db, mid, "accepted", "wamid.first")] == [0, 0]
    assert db.hgetall(keys.message(T, mid)) == before
    assert counted(db, "sent") == 1
    assert not db.exists(keys.told(T, mid))


def test_an_acceptance_that_comes_before_its_bubble_is_decided_again_is_kept(db: Redis, redis_url: str) -> None:
    """Graph's answer was under way as Redis forgot; its worker writes it down as always."""
    rig, graph = Rig(db, redis_url), ScriptedGraph()
    (mid,) = rig.commit("bot")
    forget(db, mid)
    run_batch(db, [rig.settle_call(mid)])
    rig.commit("bot")
    assert rig.deliver(graph, [mid]).sent == 1
    assert (graph.sent, wamid_of(db, mid)) == ([], f"wamid.out.{mid}")


@pytest.mark.parametrize(("state", "posts"), [("sent", 0), ("delivered", 0), ("failed", 1)])
def test_metas_word_on_a_forgotten_bubble_counts(db: Redis, redis_url: str, state: str, posts: int) -> None:
    """It has the message; what failed may be sent again."""
    rig, graph = Rig(db, redis_url), ScriptedGraph()
    (mid,) = rig.commit("bot")
    forget(db, mid)
    Ingest(db, VAULT, SETTINGS).accept([make_status(mid, state)], now=time.time())
    rig.commit("bot")
    assert rig.deliver(graph, [mid]).sent == 1
    assert len(graph.sent) == posts


def test_what_graph_refused_is_not_told(db: Redis, redis_url: str) -> None:
    """It did not leave; what may have left, and what did, is."""
    recent = Recent()

    async def go() -> list[int]:
        kept = []
        async with AsyncRedis.from_url(redis_url) as client:
            for answer in (NumberLimited("slow down"), SendOutcomeUnknown("no answer"), "wamid.first"):
                rig = Rig(db, redis_url)
                (mid,) = rig.commit("bot")
                delivery = Delivery(client, VAULT, ScriptedGraph(answer), SystemClock(), SETTINGS, recent)  # type: ignore[arg-type]
                try:
                    await delivery.deliver(T, [mid], LEASE)
                except Later:
                    pass
                kept.append(recent.calls)
                recent.forget(mid)
                db.flushall()
        return kept

    assert asyncio.run(go()) == [0, 1, 1]


def test_a_post_whose_job_is_cancelled_goes_to_its_end(db: Redis, redis_url: str) -> None:
    """Its lease was forgotten, so its job is stopped; that Graph accepted is written down."""
    rig = Rig(db, redis_url)
    (mid,) = rig.commit("bot")

    async def go() -> None:
        graph = Held("wamid.first")
        async with AsyncRedis.from_url(redis_url) as client:
            delivery = Delivery(client, VAULT, graph, SystemClock(), SETTINGS)  # type: ignore[arg-type]
            job = asyncio.create_task(delivery.deliver(T, [mid], LEASE))
            await graph.posted.wait()
            job.cancel()
            with pytest.raises(asyncio.CancelledError):
                await job
            graph.let_go.set()
            until = time.monotonic() + 5
            while rig.state(mid) != "accepted" and time.monotonic() < until:  # noqa: ASYNC110  Redis tells nobody
                await asyncio.sleep(0.01)

    asyncio.run(go())
    assert (rig.state(mid), wamid_of(db, mid)) == ("accepted", "wamid.first")


@pytest.mark.parametrize("cancelled", [True, False])
def test_a_process_does_not_post_again_what_it_posts(db: Redis, redis_url: str, cancelled: bool) -> None:
    """Redis forgot that the bubble was leaving, and the same worker gets its job again: it waits for its own post."""
    rig = Rig(db, redis_url)
    (mid,) = rig.commit("bot")

    async def go() -> int:
        graph = Held("wamid.first", "wamid.second")
        async with AsyncRedis.from_url(redis_url) as client:
            delivery = Delivery(client, VAULT, graph, SystemClock(), SETTINGS)  # type: ignore[arg-type]
            first = asyncio.create_task(delivery.deliver(T, [mid], LEASE))
            await graph.posted.wait()
            forget(db, mid)
            rig.commit("bot")
            db.zadd("rq:wip:whatsapp-ai", {"wa-1:e2": time.time() + 60})
            if cancelled:
                first.cancel()
            second = asyncio.create_task(delivery.deliver(T, [mid], Lease(LEASE.queue, LEASE.job, "e2")))
            await asyncio.sleep(0.05)
            graph.let_go.set()
            assert (await second).sent == 1
            await asyncio.wait([first])
            return graph.posts

    assert asyncio.run(go()) == 1
    assert (rig.state(mid), wamid_of(db, mid)) == ("accepted", "wamid.first")


@pytest.mark.parametrize("told", ["by its worker", "by Meta", "by Meta, then by its worker"])
def test_a_turn_that_was_forgotten_is_made_of_the_same_messages(db: Redis, redis_url: str, told: str) -> None:
    """What the customer wrote after it is not taken for answered by the bubble that left: it is a turn of its own.
    Where only Meta's status is known, the bubble answered the first message at least."""
    Rig(db, redis_url)
    now = time.time()
    for n in range(2):
        Ingest(db, VAULT, SETTINGS).accept([make_inbound(f"otra {n}", wamid=f"wamid.in.{n}")], now=now)
    cid = db.zrange(keys.index(T, "all"), 0, -1)[0].decode()
    waiting = [mid.decode() for mid in db.lrange(keys.unanswered(T, cid), 0, -1)]
    assert _messages(db, waiting[0]) == waiting
    part = f"o-{waiting[0][2:]}-0"
    if "Meta" in told:
        Ingest(db, VAULT, SETTINGS).accept([make_status(part, "sent")], now=now)
    if "worker" in told:
        tell(db, part, "accepted", "wamid.first", answers=orjson.dumps(waiting[:2]))
    assert _messages(db, waiting[0]) == waiting[: 2 if "worker" in told else 1]


def _messages(db: Redis, mid: str) -> list[str]:
    """The messages of the turn that `mid` would be answered in."""
    return [row[0].decode() for row in LOAD_TURN(db, T, mid, 0)[8]]


def test_a_webhook_that_is_told_again_is_no_duplicate(db: Redis) -> None:
    """The same call, made twice; a delivery that Meta repeats is one."""
    ingest, message = Ingest(db, VAULT, SETTINGS), make_inbound()
    calls = ingest.calls([message], now=1_800_000_000.25)
    for _ in range(3):
        run_batch(db, calls)
    today = keys.counters(T, day(1_800_000_000.25))
    assert (db.hget(today, "inbound"), db.hget(today, "duplicates")) == (b"1", None)
    ingest.accept([message], now=1_800_000_001.0)
    assert db.hget(today, "duplicates") == b"1"
