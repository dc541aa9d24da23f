"""The one door out: each bubble leaves once, and only if it still may."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from common.conversations.commands import Desk
from common.conversations.scripts import COMMIT_TURN
from common.errors import (
    AccountBlocked,
    ChannelError,
    CommandRefused,
    Later,
    MessageRefused,
    NumberLimited,
    SendOutcomeUnknown,
)
from common.graph.client import Accepted
from common.store import keys
from common.store.vault import Vault
from tests.builders import PHONE_ID, make_inbound, make_settings, make_status
from webhook_app.ingest import Ingest
from workers.delivery import Delivery, Lease, LeaseLost

VAULT = Vault(["test-key"])
T = "default"
LEASE = Lease("whatsapp-ai", "wa-1", "e1")
SETTINGS = make_settings(settle_seconds=1, graph_timeout_seconds=1)


class ScriptedGraph:
    """Answers sends from a list: a wamid is accepted, an exception raised; keeps what was posted."""

    def __init__(self, *script: str | Exception) -> None:
        self.script = list(script)
        self.sent: list[dict[str, Any]] = []
        self.before: Callable[[], None] = lambda: None

    async def send(self, phone_number_id: str, **message: Any) -> Accepted:
        self.before()
        self.sent.append({"from": phone_number_id, **message})
        match self.script.pop(0) if self.script else f"wamid.{len(self.sent)}":
            case Exception() as error:
                raise error
            case wamid:
                return Accepted(str(wamid))


class Clock:
    """The machine's clock, moved by hand."""

    ahead = 0.0

    def now(self) -> float:
        return time.time() + self.ahead


class Rig:
    """One conversation of the bot with `parts` bubbles of a committed turn, and a lease on its job."""

    def __init__(self, db: Redis, url: str) -> None:
        self.db, self.url = db, url
        now = time.time()
        Ingest(db, VAULT, SETTINGS).accept([make_inbound(sent_at=now)], now=now)
        self.cid = db.zrange(keys.index(T, "all"), 0, -1)[0].decode()
        db.zadd("rq:wip:whatsapp-ai", {"wa-1:e1": now + 60})
        self.desk = Desk(db, VAULT, transcript_days=90, region="CO")

    def commit(self, *needs: str, handover: str = "") -> list[str]:
        now = time.time()
        mids = [f"o-x-{n}" for n in range(len(needs))]
        parts: list[str | bytes] = []
        for mid, need in zip(mids, needs, strict=True):
            body = VAULT.seal(orjson.dumps({"type": "text", "text": {"body": mid}}))
            parts += [mid, "text", mid, body, need]
        assert COMMIT_TURN(
            self.db, T, self.cid, "t-x", now, "20270101", 900000, "whatsapp-ai", "wa-1", "e1", handover,
            1, 0, len(mids), 0, "outcome", "answered", *parts,
        ) == b"ok"  # fmt: skip
        return mids

    def deliver(self, graph: ScriptedGraph, mids: list[str], lease: Lease = LEASE, clock: Clock | None = None) -> Any:
        async def go() -> Any:
            db = AsyncRedis.from_url(self.url)
            try:
                delivery = Delivery(db, VAULT, graph, clock or Clock(), SETTINGS)  # type: ignore[arg-type]
                delivered = await delivery.deliver(T, mids, lease)
                await delivery.settle(delivered)
                return delivered
            finally:
                await db.aclose()

        return asyncio.run(go())

    def state(self, mid: str) -> str:
        return self.db.hget(keys.message(T, mid), "state").decode()


@pytest.fixture
def rig(db: Redis, redis_url: str) -> Iterator[Rig]:
    return Rig(db, redis_url)


def test_bubbles_leave_in_order_with_our_id_and_are_accepted(rig: Rig) -> None:
    """Each bubble is posted once, to the customer, carrying our opaque id, and its wamid leads back to it."""
    graph = ScriptedGraph()
    delivered = rig.deliver(graph, rig.commit("bot", "bot"))
    assert delivered.sent == 2
    assert [(m["from"], m["to"], m["opaque"]) for m in graph.sent] == [
        (PHONE_ID, "573001234567", f"default:o-x-{n}") for n in range(2)
    ]
    assert [rig.state(f"o-x-{n}") for n in range(2)] == ["accepted", "accepted"]


def test_delivering_again_sends_nothing(rig: Rig) -> None:
    """A repeated execution finds the bubbles accepted."""
    mids = rig.commit("bot")
    rig.deliver(ScriptedGraph(), mids)
    again = ScriptedGraph()
    assert rig.deliver(again, mids).sent == 1
    assert again.sent == []


def test_a_take_over_stops_what_has_not_left(rig: Rig) -> None:
    """A person who takes over between two bubbles stops the second one."""
    mids = rig.commit("bot", "bot")
    graph = ScriptedGraph()
    graph.before = lambda: rig.desk.take_over(T, rig.cid, actor="ana", now=time.time())
    assert rig.deliver(graph, mids).sent == 1
    assert len(graph.sent) == 1
    assert rig.state("o-x-1") == "canceled"


def test_the_handover_notice_leaves_while_the_chat_waits(rig: Rig) -> None:
    """The notice needs the chat to wait for a person; a person who is there already makes it superfluous."""
    mids = rig.commit("waiting", handover="asked for a person")
    assert rig.deliver(ScriptedGraph(), mids).sent == 1


def test_a_zombie_sends_nothing(rig: Rig) -> None:
    """An execution whose lease is gone must not post."""
    mids = rig.commit("bot")
    graph = ScriptedGraph()
    with pytest.raises(LeaseLost):
        rig.deliver(graph, mids, Lease("whatsapp-ai", "wa-1", "e0"))
    assert graph.sent == []


def test_a_post_without_answer_is_settled_by_its_status(rig: Rig) -> None:
    """Hang after accept: nothing is sent again, because the status webhook says that it arrived."""
    mids = rig.commit("bot")
    with pytest.raises(Later):
        rig.deliver(ScriptedGraph(SendOutcomeUnknown()), mids)
    Ingest(rig.db, VAULT, SETTINGS).accept([make_status(mids[0], "sent")], now=time.time())
    graph = ScriptedGraph()
    assert rig.deliver(graph, mids).sent == 1
    assert graph.sent == []


def test_a_post_without_answer_and_status_is_sent_again_after_the_settle_time_only(rig: Rig) -> None:
    """Until the settle time nothing is posted; then, without any status, the message goes out again."""
    mids = rig.commit("bot")
    with pytest.raises(Later):
        rig.deliver(ScriptedGraph(SendOutcomeUnknown()), mids)
    early = ScriptedGraph()
    with pytest.raises(Later) as later:
        rig.deliver(early, mids)
    assert early.sent == []
    rig.db.hset(keys.message(T, mids[0]), "settle_at", time.time() - 1)
    graph = ScriptedGraph()
    assert rig.deliver(graph, mids).sent == 1
    assert len(graph.sent) == 1
    assert later.value.at == pytest.approx(time.time() + 2, abs=2)


def test_what_graph_refuses_for_now_goes_back_to_intent(rig: Rig) -> None:
    """A 500 sent nothing: the next attempt may post at once."""
    mids = rig.commit("bot")
    with pytest.raises(ChannelError):
        rig.deliver(ScriptedGraph(ChannelError("down", code=131000)), mids)
    assert rig.state(mids[0]) == "intent"
    assert rig.deliver(ScriptedGraph(), mids).sent == 1


def test_what_graph_refuses_for_good_is_failed(rig: Rig) -> None:
    """131026 fails the bubble, and no later execution posts it."""
    mids = rig.commit("bot")
    with pytest.raises(MessageRefused):
        rig.deliver(ScriptedGraph(MessageRefused("undeliverable", code=131026)), mids)
    assert rig.state(mids[0]) == "failed"
    graph = ScriptedGraph()
    with pytest.raises(MessageRefused):
        rig.deliver(graph, mids)
    assert graph.sent == []


@pytest.mark.parametrize(
    "error", [NumberLimited("slow", code=130429, retry_after=30), AccountBlocked("token", code=190)]
)
def test_a_limited_or_blocked_number_rests_for_everybody(rig: Rig, error: ChannelError) -> None:
    """130429 and 190 pause the number: the next message waits without a post, and no attempt is spent."""
    mids = rig.commit("bot", "bot")
    with pytest.raises(Later):
        rig.deliver(ScriptedGraph(error), mids)
    assert float(rig.db.hget(keys.number(T, PHONE_ID), "paused_until")) > time.time() + 10
    graph = ScriptedGraph()
    with pytest.raises(Later):
        rig.deliver(graph, mids)
    assert graph.sent == []


def test_the_pair_limit_is_never_broken(rig: Rig) -> None:
    """45 messages may go to one customer at once; the next one waits."""
    mids = rig.commit(*["bot"] * 46)
    graph = ScriptedGraph()
    with pytest.raises(Later, match="pair"):
        rig.deliver(graph, mids)
    assert len(graph.sent) == 45


def test_nothing_leaves_after_the_service_window(rig: Rig) -> None:
    """24 h after the customer's last message only templates may be sent: the bubble is canceled, saying why."""
    mids = rig.commit("bot")
    rig.db.hset(keys.conversation(T, rig.cid), "window_until", time.time() + 30)
    graph = ScriptedGraph()
    assert "window" in rig.deliver(graph, mids).why
    assert graph.sent == []


def test_a_person_can_only_write_where_they_took_over(rig: Rig) -> None:
    """The rule holds in the store: no reply in the bot's chat, none by the second of two who take over at once."""
    now = time.time()
    with pytest.raises(CommandRefused, match="take the conversation over"):
        rig.desk.reply(T, rig.cid, "hola", actor="ana", now=now)
    rig.desk.take_over(T, rig.cid, actor="ana", now=now)
    rig.desk.take_over(T, rig.cid, actor="ana", now=now)
    with pytest.raises(CommandRefused, match="ana has"):
        rig.desk.take_over(T, rig.cid, actor="luis", now=now)
    mid = rig.desk.reply(T, rig.cid, "mi correo: yo@tienda.co", actor="ana", now=now)
    assert b"yo@tienda.co" not in b"".join(rig.db.hgetall(keys.message(T, mid)).values())
    (job,) = rig.db.lrange("rq:queue:messages", 0, -1)
    rig.db.zadd("rq:wip:messages", {job.decode() + ":e1": now + 60})
    graph = ScriptedGraph()
    assert rig.deliver(graph, [mid], Lease("messages", job.decode(), "e1")).sent == 1
    assert graph.sent[0]["payload"]["text"]["body"] == "mi correo: yo@tienda.co"


def test_only_the_person_who_has_a_chat_may_write_in_it(rig: Rig) -> None:
    """A second agent is told who has the chat."""
    now = time.time()
    rig.desk.take_over(T, rig.cid, actor="ana", now=now)
    with pytest.raises(CommandRefused, match="ana"):
        rig.desk.reply(T, rig.cid, "hola", actor="luis", now=now)


def test_closed_window_and_bad_texts_are_refused_with_words(rig: Rig) -> None:
    """The person reads why, and what to do."""
    now = time.time()
    rig.desk.take_over(T, rig.cid, actor="ana", now=now)
    for text, says in (("  ", "Write"), ("x" * 4097, "4,096")):
        with pytest.raises(CommandRefused, match=says):
            rig.desk.reply(T, rig.cid, text, actor="ana", now=now)
    with pytest.raises(CommandRefused, match="24 hours"):
        rig.desk.reply(T, rig.cid, "hola", actor="ana", now=now + 90000)

