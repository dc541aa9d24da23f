"""The pure steps of a turn."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from common.ai.base import AIError, AIResult, ChatTurn
from common.errors import Later
from common.messages import Sender
from common.queueing.context import JobContext
from tests.builders import NOW, PHONE_ID, make_settings
from workers.patience import next_wait
from workers.pipeline.steps.deliver import HISTORY_TURNS, _history
from workers.pipeline.steps.detect import detect_handover
from workers.pipeline.steps.gate import gate
from workers.pipeline.steps.generate import generate
from workers.pipeline.steps.opting import opting
from workers.pipeline.steps.redact import redact, spoken
from workers.pipeline.steps.review import review
from workers.pipeline.turn import Conversation, Received, Session, Turn

OUT = Conversation("c", "bot", PHONE_ID, NOW + 86400, opted_out=True)
JOB = JobContext("wa-1", "e1", "whatsapp-ai", "lane", 1, 5, NOW, "w")


class FailingModel:
    """Answers nothing, for now."""

    async def complete(self, request: Any, *, deadline: float) -> AIResult:
        raise AIError("overloaded")


class RedisTime:
    async def time(self) -> tuple[int, int]:
        return int(NOW), 0


@dataclass
class Catalogue:
    """A knowledge base of two products and nothing to find."""

    products: dict[str, Any]

    async def current(self, db: Any, tenant: str) -> Any:
        return self


SERVICES: Any = SimpleNamespace(
    settings=make_settings(base_url="https://shop.example"),
    db=None,
    knowledge=Catalogue({"SERUM": SimpleNamespace(name="Suero", images=("/media/serum.png",))}),
)


def message(text: str = "hola", n: int = 1, **changes: Any) -> Received:
    base: dict[str, Any] = {"mid": f"m-{n}", "wamid": f"w{n}", "kind": "text", "at": NOW, "received": NOW, "text": text}
    return Received(**(base | changes))


def turn(*messages: Received, **changes: Any) -> Turn:
    base: dict[str, Any] = {
        "tenant": "default", "job": JOB, "now": NOW + 5, "id": "t-1",
        "conversation": Conversation("c", "bot", PHONE_ID, NOW + 86400), "session": Session(lang="es"),
        "sender": Sender(wa_id="573001234567", name="Ana María Ruiz"), "messages": messages or (message(),),
    }  # fmt: skip
    return redact(Turn(**(base | changes)), SERVICES)


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        ({}, ""),
        ({"conversation": Conversation("c", "human", PHONE_ID, NOW + 86400)}, "left_to_person"),
        ({"conversation": Conversation("c", "waiting", PHONE_ID, NOW + 86400)}, "left_to_person"),
        ({"conversation": Conversation("c", "bot", "999", NOW + 86400)}, "left_to_person"),
        ({"conversation": Conversation("c", "bot", PHONE_ID, NOW + 30)}, "left_to_person"),
        ({"messages": (message(group=True),)}, "left_to_person"),
        ({"messages": (message(at=NOW - 4 * 3600),)}, "left_to_person"),
        ({"messages": (message("", kind="sticker"),)}, "ignored"),
        ({"messages": (message("👍", kind="reaction"),)}, "ignored"),
        ({"messages": (message("", kind="system"),)}, "ignored"),
        ({"messages": (message("", kind="audio"),)}, ""),
        ({"messages": (message("hola"), message("", 2, kind="revoke", refers="m-1"))}, "ignored"),
        ({"conversation": OUT, "messages": (message("hola"),)}, "left_to_person"),
        ({"conversation": OUT, "messages": (message("👍", kind="reaction"),)}, "ignored"),
        ({"conversation": OUT, "messages": (message("baja", wish="out"),)}, ""),
        ({"conversation": OUT, "messages": (message("baja", wish="still"),)}, "ignored"),
        ({"messages": (message("alta", wish="in"),)}, ""),
    ],
)
def test_the_gate_lets_the_bot_answer_only_what_is_its_own(changed: dict[str, Any], outcome: str) -> None:
    """Every reason not to answer stops the turn with an outcome and words for a person."""
    after = gate(turn(**changed), SERVICES)
    assert after.outcome == outcome
    assert bool(after.reason) == bool(outcome)


@pytest.mark.parametrize(
    ("conversation", "messages", "said"),
    [
        (OUT, [message("precio crema"), message("BAJA", 2, wish="out"), message("gracias", 3)], "ALTA"),
        (OUT, [message("unsubscribe", wish="out"), message("stop", 2, wish="still")], "START"),
        (None, [message("BAJA", wish="out"), message("alta", 2, wish="in")], "vuelta"),
        (None, [message("alta", wish="in"), message("¿cuánto cuesta la crema?", 2)], ""),
        (None, [message("alta")], ""),
        (None, [message("hola")], ""),
    ],
)
def test_who_opts_out_or_back_in_gets_one_line_in_place_of_an_answer(
    conversation: Conversation | None, messages: list[Received], said: str
) -> None:
    """It says how to come back; a question asked along with the way back is answered instead."""
    more = {"conversation": conversation} if conversation else {}
    parts = opting(turn(*messages, **more), SERVICES).parts
    assert [said in part.text for part in parts] == ([True] if said else [])
    assert [part.needs_owner for part in parts] == (["opted_out" if conversation else "bot"] if said else [])


def test_a_model_that_fails_is_asked_again_for_as_long_as_the_customer_is_patient() -> None:
    """By the clock, whatever RETRY_ATTEMPTS says; then by attempts; then a person is told. Clocks may disagree."""

    async def ask(waited: float, attempt: int) -> str:
        job = JOB._replace(attempt=attempt)
        asked = turn(message("¿precio?", received=NOW - waited), now=NOW, job=job)
        try:
            return (await generate(asked, failing)).handover
        except (Later, AIError) as error:
            return type(error).__name__

    failing: Any = SimpleNamespace(settings=make_settings(), ai=FailingModel(), db=RedisTime(), receipts=None)
    waits, attempts = (0.0, 20.0, 89.0, 91.0, -3600.0), (1, 2, 5)
    outcomes = {waited: [asyncio.run(ask(waited, attempt)) for attempt in attempts] for waited in waits}
    told = "no model answers: AIError"
    assert outcomes == {
        0.0: ["Later"] * 3, 20.0: ["Later"] * 3, 89.0: ["Later"] * 3, 91.0: ["AIError", told, told],
        -3600.0: ["AIError", "AIError", told],
    }  # fmt: skip


@pytest.mark.parametrize(("budget", "tries"), [(90, 13), (600, 40)])
def test_waits_grow_and_the_last_try_is_made_when_the_budget_ends(budget: float, tries: int) -> None:
    """Few tries, none later than 30 s after the one before, and one at the very end."""
    for _ in range(100):
        waited, made = 0.0, []
        while (wait := next_wait(waited, budget, base=2)) is not None:
            assert 0 < wait <= 30
            waited += wait
            made.append(waited)
        assert waited == pytest.approx(budget, abs=0.1)
        assert len(made) <= tries
    assert next_wait(5, 90, base=2, at_least=40) == 40


def test_edits_and_withdrawals_change_what_is_answered() -> None:
    """An edit stands in place of what it edits; a revoked message is not answered."""
    messages = (
        message("precio crema", 1),
        message("¿hacen envíos?", 2),
        message("precio jabón", 3, kind="edit", refers="m-1"),
        message("", 4, kind="revoke", refers="m-2"),
    )
    assert spoken(messages) == ["m-3"]


def test_one_value_has_one_placeholder_in_the_whole_turn() -> None:
    """The same address in two messages is the same placeholder, and another one is another."""
    after = turn(message("soy ana@example.com"), message("repito: ana@example.com y luis@example.com", 2))
    assert after.question == "soy [EMAIL_1]\nrepito: [EMAIL_1] y [EMAIL_2]"


def test_the_reply_carries_the_customers_own_data_but_the_record_does_not() -> None:
    """What leaves has the customer's e-mail in it, what rests readable has the placeholder."""
    asked = turn(message("soy ana@example.com"))._replace(result=AIResult("Listo, [EMAIL_1] y [EMAIL_7].", "x", "y"))
    (part,) = asyncio.run(review(asked, SERVICES)).parts
    assert part.payload["text"]["body"].startswith("Listo, ana@example.com y ")
    assert "[EMAIL_7]" not in part.payload["text"]["body"]
    assert "[EMAIL_1]" in part.text


def test_an_image_tag_becomes_an_image_and_an_unknown_one_nothing() -> None:
    """The product's first image with an absolute link; unknown ids leave no trace in the text."""
    reply = AIResult("<i></i>Mira [SEND_IMAGE:SERUM] [SEND_IMAGE:NADA]", "x", "y")
    parts = asyncio.run(review(turn()._replace(result=reply), SERVICES)).parts
    assert [part.payload["type"] for part in parts] == ["text", "image"]
    assert parts[0].payload["text"]["body"] == "Mira"
    assert parts[1].payload["image"]["link"] == "https://shop.example/media/serum.png"


def test_a_reply_of_nothing_is_an_honest_line() -> None:
    """Tags only, and none known: the customer still gets words."""
    parts = asyncio.run(review(turn()._replace(result=AIResult("[SEND_IMAGE:NADA]", "x", "y")), SERVICES)).parts
    assert len(parts) == 1
    assert parts[0].text


def test_a_model_that_asks_for_a_person_gets_one() -> None:
    """Its words leave, then the notice; both while the chat waits."""
    reply = AIResult("No puedo ayudarle con eso.", "x", "y", handover="medical question")
    after = asyncio.run(review(turn()._replace(result=reply), SERVICES))
    assert "medical question" in after.handover
    assert [part.needs_owner for part in after.parts] == ["waiting", "waiting"]


def test_three_questions_without_an_answer_are_enough() -> None:
    """The bot admits twice that it does not know; the third time it gets a person."""
    unsure = AIResult("No lo sé. ¿Te paso con una persona?", "x", "y", confidence=0.1)
    for misses, handed in ((0, False), (1, False), (2, True)):
        asked = turn(session=Session(misses=misses, lang="es"))._replace(result=unsure)
        assert bool(asyncio.run(review(asked, SERVICES)).handover) == handed


def test_asking_for_a_person_ends_ai_processing() -> None:
    """The notice is all there is; a yes to the offer of a person counts as asking."""
    after = detect_handover(turn(message("quiero hablar con un humano")), SERVICES)
    assert after.handover
    assert [part.needs_owner for part in after.parts] == ["waiting"]
    assert not detect_handover(turn(message("¿cuánto cuesta la crema?")), SERVICES).handover


def test_the_history_keeps_the_last_turns() -> None:
    """20 turns, oldest dropped, this one last."""
    past = tuple(ChatTurn("user" if n % 2 == 0 else "assistant", str(n)) for n in range(80))
    text = _history(turn(session=Session(history=past, lang="es")))
    assert text.count('["') == 2 * HISTORY_TURNS
    assert '["user","hola"]' in text
