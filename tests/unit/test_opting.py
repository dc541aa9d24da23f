"""Opting out and back in by a word."""

from __future__ import annotations

import pytest

from common.handover.detect import detect
from common.handover.language import LANGUAGES
from common.handover.opting import language_of, wish
from common.handover.texts import say


@pytest.mark.parametrize(
    "text",
    [
        "BAJA", "baja", " Baja. ", "¡STOP!", "stop", "STOPPP", "No me escriban más", "no me escriban mas!!", "PARAR",
        "Unsubscribe", "opt-out", "don't contact me", "Don\u2019t message me", "Não quero mais mensagens",
        "NO MÁS MENSAJES 🙏", "🙏 stop", "Descadastre-me", "Detener promociones", "_baja_", "sair",
    ],
)  # fmt: skip
def test_a_message_that_is_nothing_but_the_word_opts_out(text: str) -> None:
    """In three languages, blind to case, accents, punctuation and drawn-out letters."""
    assert wish(text) == "out"


@pytest.mark.parametrize("text", ["ALTA", "alta!", "Start", "START.", "voltar", "quiero volver", "Subscribe", "opt in"])
def test_a_message_that_is_nothing_but_the_way_back_opts_in(text: str) -> None:
    """The words that the confirming line names, and their like."""
    assert wish(text) == "in"


@pytest.mark.parametrize(
    "text",
    [
        "¿me hacen una baja de precio?", "la crema baja en grasa", "non stop", "stop motion", "para", "no", "no más",
        "cancelar", "cancelar mi pedido", "¿cuándo es la temporada alta?", "start over please", "hola", "", "   ", "👍",
        "¿puedo parar el envío?", "baja baja", "baja " * 40, "stop\u0000it", None,
    ],
)  # fmt: skip
def test_a_word_inside_a_sentence_is_no_wish(text: str | None) -> None:
    """Nobody is silenced by a question in which the word happens to stand."""
    assert wish(text) is None


def test_a_shop_adds_words_and_takes_built_in_ones_out() -> None:
    """OPT_OUT_WORDS and OPT_IN_WORDS, as HANDOVER_WORDS; a word of both opts out."""
    assert wish("Chao, gracias", out=("chao gracias", "chao, gracias")) == "out"
    assert wish("BAJA", out=("-baja",)) is None
    assert wish("de vuelta", again=("De Vuelta",)) == "in"
    assert wish("start", again=("-start",)) is None
    assert wish("alta", out=("alta",)) == "out"


def test_the_language_is_the_words_own() -> None:
    """A word of one language is answered in it, one of several in the chat's."""
    assert [language_of(word, default="es") for word in ("Unsubscribe", "SAIR", "Baja", "STOP", "parar")] == [
        "en", "pt", "es", "es", "es",
    ]  # fmt: skip
    assert language_of("stop", default="pt") == "pt"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_confirming_line_names_a_way_back_that_works(lang: str) -> None:
    """The word in capitals at its end opts in."""
    way_back = [word for word in say("opted_out", lang).replace(".", " ").split() if word.isupper() and len(word) > 1]
    assert way_back
    assert {wish(word) for word in way_back} == {"in"}


def test_opting_out_asks_for_nobody() -> None:
    """None of the words calls a person as well."""
    assert not any(detect(word) for word in ("baja", "stop", "no me escriban mas", "alta", "start", "sair"))
