"""A model that is slow, overloaded, mad or gone: the customer gets an answer, or one honest line and a person."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.handover.texts import say as text
from common.messages import message_id
from common.store import keys
from tests.audit import T, leftovers
from tests.echo_model import EchoModel
from tests.load import Crowd, answered, audit_of, conversation_of, say
from tests.stack import Stack

pytestmark = pytest.mark.flow


@pytest.fixture(autouse=True)
def _model_is_well_afterwards(model: EchoModel) -> Iterator[None]:
    yield
    model.let_go()


@pytest.mark.parametrize(
    ("number", "mode"),
    [(1, "slow"), (2, "429"), (3, "500"), (4, "garbage"), (5, "empty"), (6, "huge"), (7, "down")],
)
def test_a_model_that_fails_for_a_moment_delays_answers_only(
    relevo: Stack, model: EchoModel, number: int, mode: str
) -> None:
    """About half a second of it under load: everybody is answered by the model, once and in order."""
    with Crowd(relevo, 60 + number) as crowd:
        crowd.goes_on(10)
        model.mode, model.seconds = mode, 0.7
        crowd.writes(15)
        model.mode = "ok"
        found = crowd.audit().assert_clean()
    assert found.to_a_person == 0
    print(f"FAULT model {mode} for a moment:", found.line())


@pytest.mark.parametrize(("number", "mode"), [(1, "down"), (2, "garbage")])
def test_a_model_that_stays_away_costs_one_honest_line_and_tells_a_person(
    relevo: Stack, model: EchoModel, number: int, mode: str
) -> None:
    """After the attempts, one bubble says so and the chat waits for a person; other chats go on when it is back."""
    phone = f"57319701000{number}"
    model.mode = mode
    one = say(relevo, phone)
    relevo.wait_until(lambda: relevo.answers(phone), "the honest line", seconds=40)
    model.mode = "ok"
    found = audit_of(relevo, one).assert_clean()
    assert found.to_a_person == 1
    assert relevo.answers(phone) == [text("failure", "es")]
    with relevo.db() as db:
        assert db.zscore(keys.index(T, "waiting"), conversation_of(db, one)) is not None
    next_one = say(relevo, f"57319702000{number}")
    relevo.wait_until(lambda: answered(relevo, next_one), "another chat's answer")


def test_what_a_slow_model_answers_does_not_leave_to_one_who_opted_out_meanwhile(
    relevo: Stack, model: EchoModel
) -> None:
    """Each message is a turn of its own here: the answer is canceled at the door, and the next turn says the line."""
    phone = "573197030001"
    model.hold()
    one = say(relevo, phone)
    relevo.wait_until(lambda: any(one.code in asked for asked in model.asked), "the question")
    relevo.say("STOP", phone)
    model.let_go()
    relevo.wait_until(lambda: relevo.answers(phone), "the line")
    with relevo.db() as db:
        relevo.wait_until(lambda: not leftovers(db), "silence")
        assert db.hget(keys.message(T, message_id(one.wamid)), "state") == b"ignored"
        assert db.hget(keys.conversation(T, conversation_of(db, one)), "owner") == b"bot"
    assert relevo.answers(phone) == [text("opted_out", "es")]
