"""The pure steps of a turn."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from common.ai.base import AIResult, ChatTurn
from common.messages import Sender
from common.queueing.context import JobContext
from tests.builders import NOW, PHONE_ID, make_settings
from workers.pipeline.steps.deliver import HISTORY_TURNS, _history
from workers.pipeline.steps.detect import detect_handover
from workers.pipeline.steps.gate import gate
from workers.pipeline.steps.redact import redact, spoken
from workers.pipeline.steps.review import review
from workers.pipeline.turn import Conversation, Received, Session, Turn

JOB = JobContext("wa-1", "e1", "whatsapp-ai", "lane", 1, 5, NOW, "w")


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
    ],
)
def test_the_gate_lets_the_bot_answer_only_what_is_its_own(changed: dict[str, Any], outcome: str) -> None:
    """Every reason not to answer stops the turn with an outcome and words for a person."""
    after = gate(turn(**changed), SERVICES)
    assert after.outcome == outcome
    assert bool(after.reason) == bool(outcome)


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
    asked = replace(turn(message("soy ana@example.com")), result=AIResult("Listo, [EMAIL_1] y [EMAIL_7].", "x", "y"))
    (part,) = asyncio.run(review(asked, SERVICES)).parts
    assert part.payload["text"]["body"].startswith("Listo, ana@example.com y ")
    assert "[EMAIL_7]" not in part.payload["text"]["body"]
    assert "[EMAIL_1]" in part.text


def test_an_image_tag_becomes_an_image_and_an_unknown_one_nothing() -> None:
    """The product's first image with an absolute link; unknown ids leave no trace in the text."""
    reply = AIResult("<i></i>Mira [SEND_IMAGE:SERUM] [SEND_IMAGE:NADA]", "x", "y")
    parts = asyncio.run(review(replace(turn(), result=reply), SERVICES)).parts
    assert [part.payload["type"] for part in parts] == ["text", "image"]
    assert parts[0].payload["text"]["body"] == "Mira"
    assert parts[1].payload["image"]["link"] == "https://shop.example/media/serum.png"


def test_a_reply_of_nothing_is_an_honest_line() -> None:
    """Tags only, and none known: the customer still gets words."""
    parts = asyncio.run(review(replace(turn(), result=AIResult("[SEND_IMAGE:NADA]", "x", "y")), SERVICES)).parts
    assert len(parts) == 1
    assert parts[0].text


def test_a_model_that_asks_for_a_person_gets_one() -> None:
    """Its words leave, then the notice; both while the chat waits."""
    reply = AIResult("No puedo ayudarle con eso.", "x", "y", handover="medical question")
    after = asyncio.run(review(replace(turn(), result=reply), SERVICES))
    assert "medical question" in after.handover
    assert [part.needs_owner for part in after.parts] == ["waiting", "waiting"]


def test_three_questions_without_an_answer_are_enough() -> None:
    """The bot admits twice that it does not know; the third time it gets a person."""
    unsure = AIResult("No lo sé. ¿Te paso con una persona?", "x", "y", confidence=0.1)
    for misses, handed in ((0, False), (1, False), (2, True)):
        asked = replace(turn(session=Session(misses=misses, lang="es")), result=unsure)
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
