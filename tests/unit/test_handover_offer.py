"""A yes to the offer of a person."""

from __future__ import annotations

import pytest

from common.handover.offer import accepts_offer
from common.handover.texts import TEXTS, say


@pytest.mark.parametrize("answer", ["sí", "Si, por favor", "dale", "ok", "Claro!", "yes please", "sim, por favor"])
@pytest.mark.parametrize("lang", ["es", "en", "pt"])
def test_a_yes_to_the_offer_is_a_request(answer: str, lang: str) -> None:
    """Short agreement after our own offer counts."""
    assert accepts_offer(say("dont_know", lang), answer)


@pytest.mark.parametrize("answer", ["no, gracias", "¿cuánto cuesta la crema?", "sí, pero ¿cuánto cuesta?", "", "5"])
def test_anything_else_is_not(answer: str) -> None:
    """A no, a question or nothing at all stays with the bot."""
    assert not accepts_offer(say("dont_know", "es"), answer)


def test_a_yes_to_something_else_is_not_a_request() -> None:
    """Without an offer, yes is only yes."""
    assert not accepts_offer("¿Quiere ver una foto?", "sí")


def test_every_text_that_offers_a_person_is_known() -> None:
    """The voice-note and picture lines offer one too, in every language."""
    for name in ("audio", "image", "out_of_scope", "dont_know"):
        for text in TEXTS[name].values():
            assert accepts_offer(text, "ok")
