"""A customer's message goes in at the webhook, and the right answer comes out at the Graph API."""

from __future__ import annotations

import time

import pytest

from common.conversations.commands import Desk
from common.store import keys
from common.store.vault import Vault
from tests.stack import Stack

pytestmark = pytest.mark.flow
T = "default"


def desk_of(stack: Stack) -> Desk:
    return Desk(stack.db(), Vault(["flow-key"]), transcript_days=90, region="CO")


def waiting(stack: Stack) -> list[str]:
    with stack.db() as db:
        return [cid.decode() for cid in db.zrange(keys.index(T, "waiting"), 0, -1)]


def states_out(stack: Stack, cid: str) -> list[str]:
    with stack.db() as db:
        mids = db.lrange(keys.transcript(T, cid), 0, -1)
        found = [db.hmget(keys.message(T, mid.decode()), "dir", "state") for mid in mids]
    return [state.decode() for direction, state in found if direction == b"out"]


def test_a_question_is_answered_from_the_shops_knowledge_and_read(stack: Stack) -> None:
    """A grounded answer within seconds; its ticks come back up to read."""
    stack.say("¿Hacen envíos a Medellín?", "573000000001")
    (answer,) = stack.wait_until(lambda: stack.answers("573000000001"), "an answer")
    assert "env" in answer.lower()
    with stack.db() as db:
        (cid,) = (c.decode() for c in db.zrange(keys.index(T, "all"), 0, -1))
    stack.wait_until(lambda: states_out(stack, cid)[-1] in {"delivered", "read"}, "ticks")


def test_a_burst_gets_one_answer(stack: Stack) -> None:
    """Three messages in a row are one turn and one reply."""
    for text in ("Hola", "una pregunta", "¿cuánto demora el envío a Bogotá?"):
        stack.say(text, "573000000002")
    stack.wait_until(lambda: stack.answers("573000000002"), "an answer")
    stack.say("gracias", "573000000002")
    stack.wait_until(lambda: len(stack.answers("573000000002")) >= 2, "a second answer")
    assert len(stack.answers("573000000002")) == 2


def test_a_picture_of_the_product_comes_with_its_answer(stack: Stack) -> None:
    """Asking to see a product sends its first image with an absolute link that the shop serves."""
    stack.say("muéstrame una foto del jabón de avena", "573000000003")
    stack.wait_until(lambda: "image" in stack.answers("573000000003"), "an image")
    entry = next(e for e in stack.simulator.ledger(to="573000000003") if e["body"]["type"] == "image")
    assert entry["body"]["image"]["link"].startswith(stack.web_url)


def test_who_asks_for_a_person_gets_one_and_the_bot_keeps_quiet(stack: Stack) -> None:
    """Hand-over, take-over, answer of a person, hand-back: the customer sees each once, the bot none in between."""
    phone, desk = "573000000004", desk_of(stack)
    stack.say("quiero hablar con un humano", phone)
    stack.wait_until(lambda: len(stack.answers(phone)) == 1, "the notice")
    (cid,) = stack.wait_until(lambda: waiting(stack), "the waiting chat")
    stack.say("¿hola? ¿cuánto cuesta el envío?", phone)

    desk.take_over(T, cid, actor="ana", now=time.time())
    desk.reply(T, cid, "Hola, soy Ana. Con gusto le ayudo.", actor="ana", now=time.time())
    stack.wait_until(lambda: len(stack.answers(phone)) == 2, "Ana's answer")
    assert stack.answers(phone)[1].startswith("Hola, soy Ana")
    desk.hand_back(T, cid, actor="ana", now=time.time())
    stack.say("¿hacen envíos a Cali?", phone)
    stack.wait_until(lambda: len(stack.answers(phone)) == 3, "the bot again")


def test_nothing_readable_rests_of_a_customers_secrets(stack: Stack) -> None:
    """Card, e-mail and phone stand nowhere in Redis and in no log."""
    phone = "573000000005"
    stack.say("mi tarjeta es 4111 1111 1111 1111 y mi correo ana.perez@example.com, ¿hacen envíos?", phone)
    stack.wait_until(lambda: stack.answers(phone), "an answer")
    with stack.db() as db:
        dumps = {key: db.dump(key) for key in db.scan_iter(count=1000)}
    for secret in (b"ana.perez", b"4111 1111", phone.encode()):
        assert [key for key, dump in dumps.items() if secret in dump] == []
        for name in ("web", "worker", "scheduler"):
            assert secret not in (stack.folder / f"{name}.log").read_bytes()


def test_a_graph_that_stumbles_delays_the_answer_only(stack: Stack) -> None:
    """One 500 and one 130429: one answer, once."""
    phone = "573000000006"
    stack.simulator.fail_next("500", endpoint="messages")
    stack.say("¿hacen envíos a Pasto?", phone)
    stack.wait_until(lambda: stack.answers(phone), "an answer after a 500")
    assert len(stack.answers(phone)) == 1


def test_a_graph_that_takes_the_message_and_hangs_gets_it_once(stack: Stack) -> None:
    """Hang after accept: the status webhook settles it, nothing is sent twice."""
    phone = "573000000007"
    stack.simulator.fail_next("hang", endpoint="messages")
    stack.say("¿hacen envíos a Neiva?", phone)
    stack.wait_until(lambda: stack.answers(phone), "the accepted message")
    stack.say("¿y a Tunja?", phone)
    stack.wait_until(lambda: len(stack.answers(phone)) == 2, "the next answer", seconds=40)
    assert len(stack.answers(phone)) == 2
