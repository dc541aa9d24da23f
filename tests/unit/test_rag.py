"""Tokens, the index, rows and their rules: without Redis."""

from __future__ import annotations

import threading
import time

import orjson
import pytest

from common.rag.fitting import DEFAULT, Limits, fit
from common.rag.knowledge import (
    FAQ,
    Knowledge,
    KnowledgeError,
    Product,
    check_faq,
    check_product,
    faq_from,
    price_text,
    product_from,
)
from common.rag.retrieval import ENOUGH, Retriever
from common.rag.tokens import fold, subjects, tokens
from common.sample.load import knowledge

FEW = Knowledge(
    products=(Product("jabon", "Jabón de avena", "Limpia con suavidad.", price="18900", images=("/x.png",)),),
    faqs=(FAQ("envio", "¿Cuánto cuesta el envío?", "Cuesta $ 9.900.", aliases=("valor del domicilio",)),),
    version=7,
)


def test_tokens_are_stems_and_grams_of_telling_words_marked_by_language() -> None:
    """Forms of a word share a stem, misspellings share grams, stop words give nothing."""
    assert "esenvi" in tokens("¿Cuándo envían?", "es")
    assert set(tokens("envios", "es")) & set(tokens("enbios", "es"))
    assert not set(tokens("order", "en")) & set(tokens("order", "pt"))
    assert tokens("de la que con", "es") == []
    assert fold("Ñandú ÁÉ") == "nandu ae"
    assert subjects("hola, ¿y cuánto cuesta?") == 0
    assert subjects("cuesta el envío") == 1


def test_a_row_is_found_by_question_alias_and_answer() -> None:
    """With what a provider needs to quote it."""
    retriever = Retriever(FEW)
    for query in ("cuesta el envio", "domicilio", "9.900"):
        assert retriever.search(query)[0].id == "envio"
    hit = retriever.search("jabon avena")[0]
    assert (hit.id, hit.kind, hit.title) == ("jabon", "product", "Jabón de avena")
    assert hit.text == "Jabón de avena: $ 18.900 COP\nLimpia con suavidad."
    assert hit.confidence > ENOUGH
    assert retriever.version == 7


@pytest.mark.parametrize("query", ["", "   ", "👍", "de la que", "\ud800", "[NAME_1]", 'AND OR NOT ( " : ^ ~ *'])
def test_queries_without_words_find_nothing(query: str) -> None:
    """And fail nothing: no query language is spoken."""
    assert Retriever(FEW).search(query) == []


def test_an_empty_shop_finds_nothing() -> None:
    """The first minute of a new tenant."""
    assert Retriever(Knowledge()).search("hola crema") == []


def test_each_row_is_named_once_and_at_most_k() -> None:
    """Two languages of one product are one hit."""
    hits = Retriever(knowledge()).search("serum vitamina c", k=3)
    assert len(hits) == 3
    assert len({hit.id for hit in hits}) == 3
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_the_text_is_in_the_language_of_the_question() -> None:
    """Where the shop has both."""
    retriever = Retriever(knowledge())
    assert retriever.search("how much is the rosehip oil")[0].text.startswith("Rosehip Oil: $ 54,900 COP")
    spanish = retriever.search("precio del aceite de rosa mosqueta")[0]
    assert spanish.text.startswith("Aceite de rosa mosqueta: $ 54.900")


def test_a_short_follow_up_is_read_with_the_message_before_it() -> None:
    """ "And how much is it?" alone says nothing; a long question is not bent."""
    retriever = Retriever(knowledge())
    before = ["tienen bloqueador solar?"]
    assert retriever.search("¿y cuánto cuesta?", earlier=before)[0].id == "protector-solar"
    alone = retriever.search("quien gano el partido de ayer")
    assert retriever.search("quien gano el partido de ayer", earlier=before) == alone


def test_building_the_sample_shop_is_quick() -> None:
    """Twelve products and over forty answers, thresholds fitted: CPU well under the half second allowed here."""
    Retriever(FEW)  # imports done
    began = time.process_time()
    Retriever(knowledge())
    assert time.process_time() - began < 0.5


def test_one_retriever_serves_several_threads() -> None:
    """As workers and tests use it."""
    retriever = Retriever(knowledge())
    found: list[str] = []

    def search() -> None:
        found.extend(retriever.search("cuanto vale el envio")[0].id for _ in range(20))

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["envio-costo"] * 80


def test_confidence_needs_both_signals() -> None:
    """Half where the weaker one reaches its limit."""
    limits = Limits(score=20, share=0.3)
    assert limits.confidence(20, 0.3) == 0.5
    assert limits.confidence(200, 0.15) < 0.5
    assert limits.confidence(10, 0.5) < 0.5
    assert limits.confidence(40, 0.6) > 0.5
    assert DEFAULT.confidence(0.1, 0.6) > 0.5


def test_too_few_phrasings_are_not_fitted() -> None:
    """The default holds then."""
    assert fit([(0, "a", "r", "es")], lambda *_: ("r", 5.0, 0.5), ["es"]) == DEFAULT


@pytest.mark.parametrize(
    ("price", "currency", "lang", "text"),
    [
        ("48900", "COP", "es", "$ 48.900 COP"),
        ("48900", "COP", "en", "$ 48,900 COP"),
        ("12.5", "USD", "es", "$ 12,50 USD"),
        ("1234.5", "BRL", "pt", "R$ 1.234,50"),
        ("9", "EUR", "es", "€ 9,00"),
        (None, "COP", "es", ""),
    ],
)
def test_prices_are_written_as_customers_read_them(price: str | None, currency: str, lang: str, text: str) -> None:
    """By language, without needless decimals."""
    assert price_text(price, currency, lang) == text


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"id": "A b"}, "id"),
        ({"price": "gratis"}, "price"),
        ({"price": "-1"}, "price"),
        ({"price": "NaN"}, "price"),
        ({"currency": "pesos"}, "currency"),
        ({"images": ("javascript:x",)}, "images"),
        ({"name": "  "}, "name"),
        ({"description": "x" * 4001}, "description"),
        ({"lang": "fr"}, "lang"),
        ({"aliases": ("",)}, "aliases"),
    ],
)
def test_a_wrong_product_is_told_by_field(row: dict[str, object], says: str) -> None:
    """One clear line."""
    fields: dict[str, object] = {"id": "a", "name": "A", "description": "B"}
    with pytest.raises(KnowledgeError, match=says):
        check_product(Product(**(fields | row)))  # type: ignore[arg-type]


def test_a_wrong_answer_is_told_by_field() -> None:
    """As products."""
    for row, says in (({"id": ""}, "id"), ({"question": ""}, "question"), ({"answer": None}, "answer")):
        fields: dict[str, object] = {"id": "a", "question": "q", "answer": "a"}
        with pytest.raises(KnowledgeError, match=says):
            check_faq(FAQ(**(fields | row)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{", b"{}", b'{"name": 1, "wrong": 2}', b'{"texts": 3}', b'{"texts": {"en": 1}}']
)
def test_what_is_no_row_is_refused(raw: bytes) -> None:
    """Not JSON, no object, unknown or missing fields."""
    for read in (product_from, faq_from):
        with pytest.raises(KnowledgeError):
            read("a", raw)


def test_rows_survive_json() -> None:
    """What is stored is what is read."""
    row = knowledge().products[0]
    stored = orjson.dumps({**{name: getattr(row, name) for name in row.__slots__}, "texts": row.texts})
    assert product_from(row.id, stored) == row
