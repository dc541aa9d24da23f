"""People and bot at the same moment: one of them has the chat, and what a customer adds is not answered past them."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import pytest

from common.errors import CommandRefused
from common.handover.texts import say as text
from common.messages import message_id
from common.queueing import keys as queue_keys
from common.store import keys
from tests.audit import T, codes_of, leftovers
from tests.echo_model import EchoModel
from tests.faults.conftest import GENEROUS, QUICK
from tests.load import Crowd, answered, audit_of, conversation_of, desk_of, say
from tests.stack import Stack

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def relevo(tmp_path_factory: pytest.TempPathFactory, model: EchoModel) -> Iterator[Stack]:
    """With a short quiet time: bursts are one turn."""
    settings = QUICK | model.settings() | {"QUIET_SECONDS": "0.3", "RETRY_ATTEMPTS": "3"}
    stack = Stack(tmp_path_factory.mktemp("people"), **settings)
    try:
        yield stack.start(sim_flags=GENEROUS)
    finally:
        stack.stop()


@pytest.fixture(autouse=True)
def _nothing_is_held(model: EchoModel) -> Iterator[None]:
    yield
    model.let_go()


def test_a_message_that_comes_while_the_reply_is_made_is_answered_by_that_reply(
    relevo: Stack, model: EchoModel
) -> None:
    """Nothing has left yet: the model is asked again, with both, and one bubble answers both."""
    phone = "573196000001"
    model.hold()
    first = say(relevo, phone)
    relevo.wait_until(lambda: any(first.code in asked for asked in model.asked), "the question")
    second = say(relevo, phone)
    model.let_go()
    relevo.wait_until(lambda: answered(relevo, first, second), "the answer")
    audit_of(relevo, first, second).assert_clean()
    assert [codes_of(entry) for entry in relevo.simulator.ledger(to=phone)] == [[first.code, second.code]]


def test_a_burst_is_one_turn_with_one_reply(relevo: Stack) -> None:
    """Five messages in a row, each of a webhook of its own."""
    phone = "573196000002"
    said = [say(relevo, phone) for _ in range(5)]
    relevo.wait_until(lambda: answered(relevo, *said), "the answer")
    audit_of(relevo, *said).assert_clean()
    assert len(relevo.simulator.ledger(to=phone)) == 1


def test_a_take_over_while_the_reply_is_made_stops_it(relevo: Stack, model: EchoModel) -> None:
    """The model answers after the take-over: nothing of the bot leaves, and the message is the person's."""
    phone = "573196000003"
    model.hold()
    one = say(relevo, phone)
    relevo.wait_until(lambda: any(one.code in asked for asked in model.asked), "the question")
    with relevo.db() as db:
        cid = conversation_of(db, one)
        desk_of(relevo).take_over(T, cid, actor="ana", now=time.time())
        model.let_go()
        found = audit_of(relevo, one).assert_clean()
        assert found.to_a_person == 1
        assert relevo.simulator.ledger(to=phone) == []
        desk_of(relevo).reply(T, cid, "Hola, soy Ana", actor="ana", now=time.time())
    relevo.wait_until(lambda: relevo.answers(phone) == ["Hola, soy Ana"], "Ana's answer")


def test_an_opting_out_while_the_reply_is_made_stops_it(relevo: Stack, model: EchoModel) -> None:
    """Nothing leaves but the line that says how to come back; then silence, but for what a person writes."""
    phone = "573196000007"
    model.hold()
    one = say(relevo, phone)
    relevo.wait_until(lambda: any(one.code in asked for asked in model.asked), "the question")
    relevo.say("No me escriban más", phone)
    model.let_go()
    relevo.wait_until(lambda: relevo.answers(phone) == [text("opted_out", "es")], "the line")
    with relevo.db() as db:
        cid = conversation_of(db, one)
        relevo.wait_until(lambda: not leftovers(db), "silence")
        after = say(relevo, phone)
        found = audit_of(relevo, after).assert_clean()
        assert found.to_a_person == 1
        desk_of(relevo).take_over(T, cid, actor="ana", now=time.time())
        desk_of(relevo).reply(T, cid, "Hola, soy Ana", actor="ana", now=time.time())
        relevo.wait_until(lambda: "Hola, soy Ana" in relevo.answers(phone), "Ana's answer")
        desk_of(relevo).hand_back(T, cid, actor="ana", now=time.time())
        late = say(relevo, phone)
        audit_of(relevo, late).assert_clean()
    relevo.say("ALTA", phone)
    relevo.wait_until(lambda: relevo.answers(phone)[-1] == text("opted_in", "es"), "the welcome")
    back = say(relevo, phone)
    relevo.wait_until(lambda: answered(relevo, back), "the next answer")
    assert len(relevo.answers(phone)) == 4


def test_of_two_consoles_that_take_over_at_once_one_gets_the_chat(relevo: Stack) -> None:
    """Twenty times: one is told who has it, and only the other's answer leaves."""
    one = say(relevo, "573196000004")
    relevo.wait_until(lambda: answered(relevo, one), "the answer")
    with relevo.db() as db:
        cid = conversation_of(db, one)
    refused: list[str] = []

    def take(actor: str, both: threading.Barrier) -> None:
        desk = desk_of(relevo)
        both.wait()
        try:
            desk.take_over(T, cid, actor=actor, now=time.time())
        except CommandRefused:
            refused.append(actor)

    for round_ in range(1, 21):
        both = threading.Barrier(2)
        people = [threading.Thread(target=take, args=(name, both)) for name in ("ana", "eva")]
        for person in people:
            person.start()
        for person in people:
            person.join()
        assert len(refused) == round_
        with pytest.raises(CommandRefused):
            desk_of(relevo).reply(T, cid, "Hola", actor=refused[-1], now=time.time())
        desk_of(relevo).hand_back(T, cid, actor="ana", now=time.time())


def test_take_overs_under_load_let_nothing_of_the_bot_begin_to_leave_afterwards(relevo: Stack) -> None:
    """Chats are taken over and handed back at random: no bubble of the bot is marked as sending in between."""
    rng, held = random.Random(4), []
    with Crowd(relevo, 6, contacts=8, rate=60) as crowd, relevo.db() as db:
        crowd.goes_on(10)
        for _ in range(15):
            cid = conversation_of(db, rng.choice(crowd.said[-30:]))
            if not cid or db.hget(keys.conversation(T, cid), "owner") != b"bot":
                continue
            desk_of(relevo).take_over(T, cid, actor="ana", now=time.time())
            since = _now(db)
            crowd.writes(4)
            until = _now(db)
            desk_of(relevo).hand_back(T, cid, actor="ana", now=time.time())
            held.append((cid, since, until))
        crowd.audit().assert_clean()
        assert len(held) > 6
        assert [late for span in held for late in _began(db, *span)] == []


def test_a_poison_message_ends_as_a_dead_letter_and_its_lane_goes_on(relevo: Stack, model: EchoModel) -> None:
    """A message that nothing can read: its chat goes to a person with the reason, others are not held up."""
    phone = "573196000005"
    model.hold()
    first = say(relevo, phone)
    relevo.wait_until(lambda: any(first.code in asked for asked in model.asked), "the question")
    poison = say(relevo, phone)
    with relevo.db() as db:
        db.hset(keys.message(T, message_id(poison.wamid)), "at", "not a time")
        model.let_go()
        bystander = say(relevo, "573196000006")
        relevo.wait_until(lambda: answered(relevo, bystander), "the bystander's answer")
        audit_of(relevo, first, poison, bystander).assert_clean()
        cid = conversation_of(db, poison)
        assert db.zscore(keys.index(T, "waiting"), cid) is not None
        assert db.hget(keys.message(T, message_id(poison.wamid)), "state") == b"dead"
        assert db.zcard(queue_keys.failed("whatsapp-ai")) >= 1
        desk_of(relevo).hand_back(T, cid, actor="ana", now=time.time())
    after = say(relevo, phone)
    relevo.wait_until(lambda: answered(relevo, after), "the next answer")


def _now(db) -> float:
    seconds, micros = db.time()
    return seconds + micros / 1e6


def _began(db, cid: str, since: float, until: float) -> list[str]:
    """Bubbles of the bot in `cid` that were marked as sending within this time of Redis."""
    mids = [mid.decode() for mid in db.lrange(keys.transcript(T, cid), 0, -1) if mid.startswith(b"o-")]
    began = {mid: db.hmget(keys.message(T, mid), "by", "sending_at") for mid in mids}
    return [mid for mid, (by, at) in began.items() if by == b"bot" and at and since < float(at) < until]
