"""The one door out: each bubble leaves once, and only if it still may."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
from common.handover.opting import OPTED_OUT
from common.settings import Settings
from common.store import keys
from common.store.scripts import Call, run_batch
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

    def __init__(self, db: Redis, url: str, settings: Settings = SETTINGS) -> None:
        self.db, self.url, self.settings = db, url, settings
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
                delivery = Delivery(db, VAULT, graph, clock or Clock(), self.settings)  # type: ignore[arg-type]
                delivered = await delivery.deliver(T, mids, lease)
                await delivery.settle(delivered)
                return delivered
            finally:
                await db.aclose()

        return asyncio.run(go())

    def settle_call(self, mid: str) -> Call:
        """What writes the acceptance of a bubble down, as a worker makes it."""
        delivery = Delivery(None, VAULT, None, Clock(), SETTINGS)  # type: ignore[arg-type]
        return delivery._settled(T, mid, LEASE, "accepted", wamid=f"wamid.out.{mid}")

    def state(self, mid: str) -> str:
        return self.db.hget(keys.message(T, mid), "state").decode()


def in_a_thread(act: Callable[[], None]) -> None:
    """For what starts an event loop of its own while one runs; its failure is the test's."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(act).result()


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
    """A 500 sent nothing: the next execution may post at once; no attempt is spent meanwhile."""
    mids = rig.commit("bot")
    with pytest.raises(Later):
        rig.deliver(ScriptedGraph(ChannelError("down", code=131000)), mids)
    assert rig.state(mids[0]) == "intent"
    assert rig.deliver(ScriptedGraph(), mids).sent == 1
    assert rig.db.hget(keys.message(T, mids[0]), "refused_at") is None


@pytest.mark.parametrize(("code", "ridden_out", "spent"), [(131000, 85, 95), (None, 590, 610)])
def test_an_outage_is_ridden_out_by_the_clock_and_then_spends_attempts(
    rig: Rig, code: int | None, ridden_out: float, spent: float
) -> None:
    """Refused with a code for up to 90 s, or without one (Graph is away) for 10 minutes, no attempt is spent."""
    mids, key = rig.commit("bot"), keys.message(T, "o-x-0")
    for seconds in (0, ridden_out):
        rig.db.hset(key, "refused_at", time.time() - seconds)
        with pytest.raises(Later) as later:
            rig.deliver(ScriptedGraph(ChannelError("down", code=code)), mids)
        assert time.time() < later.value.at <= time.time() + 30
    rig.db.hset(key, "refused_at", time.time() - spent)
    with pytest.raises(ChannelError):
        rig.deliver(ScriptedGraph(ChannelError("down", code=code)), mids)


def test_a_fate_that_stays_unknown_is_not_sent_again_for_ever(rig: Rig) -> None:
    """Graph has hung at every post for ten minutes, without a status: the bubble fails, and a person is told."""
    mids, key = rig.commit("bot"), keys.message(T, "o-x-0")
    with pytest.raises(Later):
        rig.deliver(ScriptedGraph(SendOutcomeUnknown()), mids)
    rig.db.hset(key, mapping={"settle_at": time.time() - 1, "sending_at": time.time() - 601})
    graph = ScriptedGraph()
    with pytest.raises(MessageRefused, match="no answer"):
        rig.deliver(graph, mids)
    assert graph.sent == []
    assert rig.state(mids[0]) == "failed"


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


def test_those_who_wait_for_a_blocked_number_go_on_as_soon_as_it_works(db: Redis, redis_url: str) -> None:
    """With default times: one message probes, and its acceptance sets the others' delayed jobs free at once."""
    rig = Rig(db, redis_url, make_settings())
    mids = rig.commit("bot", "bot")
    with pytest.raises(Later):
        rig.deliver(ScriptedGraph(AccountBlocked("token", code=190)), mids[:1])
    number = keys.number(T, PHONE_ID)
    db.hset(number, "paused_until", time.time() - 1)

    def another_asks() -> None:
        """While the probe is on its way: it waits for the probe, not for a settle time."""
        db.zadd("rq:wip:whatsapp-ai", {"wa-2:e1": time.time() + 60})
        with pytest.raises(Later) as later:
            rig.deliver(ScriptedGraph(), mids[1:], Lease("whatsapp-ai", "wa-2", "e1"))
        assert later.value.at < time.time() + 12
        db.hset("rq:job:wa-2", mapping={"status": "scheduled", "origin": "whatsapp-ai"})
        db.zadd("rq:scheduler:scheduled_jobs", {"wa-2": later.value.at})

    graph = ScriptedGraph()
    graph.before = lambda: in_a_thread(another_asks)
    assert rig.deliver(graph, mids[:1]).sent == 1
    assert not db.exists(number)
    assert db.lrange("rq:queue:whatsapp-ai", 0, -1)[-1] == b"wa-2"
    assert db.zcard("rq:scheduler:scheduled_jobs") == 0


def test_a_job_whose_waiting_is_not_written_down_yet_is_set_free_by_the_next_acceptance(rig: Rig) -> None:
    """Its run has not ended when the number works again: it is kept in mind."""
    mids, waiting = rig.commit("bot", "bot"), keys.number_waiting(T, PHONE_ID)
    rig.db.sadd(waiting, "wa-7", "wa-gone")
    rig.db.hset("rq:job:wa-7", mapping={"status": "started", "origin": "whatsapp-ai"})
    rig.deliver(ScriptedGraph(), mids[:1])
    assert rig.db.smembers(waiting) == {b"wa-7"}
    rig.db.hset("rq:job:wa-7", "status", "scheduled")
    rig.deliver(ScriptedGraph(), mids[1:])
    assert rig.db.lrange("rq:queue:whatsapp-ai", 0, -1)[-1] == b"wa-7"
    assert not rig.db.exists(waiting)


@pytest.mark.parametrize("status_first", [True, False])
def test_a_bubble_counts_as_sent_once(rig: Rig, status_first: bool) -> None:
    """However often its acceptance is written down, and whichever of acceptance and status comes first."""
    mids = rig.commit("bot")
    call = rig.settle_call(mids[0])
    says = [lambda: Ingest(rig.db, VAULT, SETTINGS).accept([make_status(mids[0], "sent")], now=time.time())]
    says.insert(int(status_first), lambda: run_batch(rig.db, [call, call]))
    for say in says:
        say()
    assert sum(int(rig.db.hget(key, "sent") or 0) for key in rig.db.scan_iter(keys.counters(T, "*"))) == 1


def test_nothing_of_the_bot_leaves_to_one_who_opted_out_but_a_person_may_write(rig: Rig) -> None:
    """The last look asks it: answers are canceled with a reason; the line that confirms it leaves, and Ana's does."""
    mids = rig.commit("bot", "opted_out", "")
    rig.db.hset(keys.message(T, mids[2]), "by", "human")
    rig.desk.opt_out(T, rig.cid, actor="ana", now=time.time())
    graph = ScriptedGraph()
    delivered = rig.deliver(graph, mids)
    assert [sent["opaque"] for sent in graph.sent] == ["default:o-x-1", "default:o-x-2"]
    assert rig.state(mids[0]) == "canceled"
    assert delivered.why == OPTED_OUT == rig.db.hget(keys.message(T, mids[0]), "why").decode()


def test_the_line_that_confirms_it_does_not_leave_to_one_who_is_back(rig: Rig) -> None:
    """BAJA and ALTA within the time that the line waits."""
    mids = rig.commit("opted_out")
    assert "back" in rig.deliver(ScriptedGraph(), mids).why


@pytest.mark.parametrize(("field", "value"), [("by", "bulk"), ("category", "marketing")])
def test_marketing_leaves_only_to_those_who_want_it(rig: Rig, field: str, value: str) -> None:
    """A stop by WhatsApp's own menu ends marketing, and nothing else."""
    mids = rig.commit("", "bot")
    rig.db.hset(keys.message(T, mids[0]), field, value)
    contact = rig.db.hget(keys.conversation(T, rig.cid), "contact").decode()
    rig.db.hset(keys.contact(T, contact), "marketing_out", time.time())
    graph = ScriptedGraph()
    assert "marketing" in rig.deliver(graph, mids).why
    assert [sent["opaque"] for sent in graph.sent] == ["default:o-x-1"]


def test_a_refusal_of_marketing_is_remembered(rig: Rig) -> None:
    """131050, at once or as a failed status: no more marketing is tried."""
    contact = keys.contact(T, rig.db.hget(keys.conversation(T, rig.cid), "contact").decode())
    mids = rig.commit("bot", "bot")
    with pytest.raises(MessageRefused):
        rig.deliver(ScriptedGraph(MessageRefused("stopped", code=131050)), mids[:1])
    assert rig.db.hget(contact, "marketing_by") == b"131050"
    rig.db.hdel(contact, "marketing_out", "marketing_at")
    rig.deliver(ScriptedGraph(), mids[1:])
    failed = make_status(mids[1], "failed", error_code=131050, at=time.time())
    Ingest(rig.db, VAULT, SETTINGS).accept([failed], now=time.time())
    assert rig.db.hget(contact, "marketing_out") is not None


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

