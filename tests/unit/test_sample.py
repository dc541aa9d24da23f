"""The sample shop: whole, with pictures, and answering in conversation."""

from __future__ import annotations

import asyncio
import struct

import pytest

from common.ai.base import AIRequest, ChatTurn
from common.ai.builtin import BuiltinProvider
from common.ai.smalltalk import say
from common.handover.language import guess
from common.rag.retrieval import Retriever
from common.sample.load import images, knowledge


@pytest.fixture(scope="module")
def retriever() -> Retriever:
    return Retriever(knowledge())


def reply(retriever: Retriever, message: str, history: list[ChatTurn] | None = None) -> str:
    request = AIRequest(
        tenant="t", conversation="c", system="", message=message, lang=guess(message), history=history or [],
        snippets=retriever.search(message),
    )  # fmt: skip
    return asyncio.run(BuiltinProvider().complete(request, deadline=5)).reply


def test_it_has_a_dozen_products_and_some_forty_answers_with_aliases() -> None:
    """Spanish with English beside it."""
    shop = knowledge()
    assert len(shop.products) == 12
    assert sum(faq.lang == "es" for faq in shop.faqs) >= 30
    assert sum(faq.lang == "en" for faq in shop.faqs) >= 10
    assert all(2 <= len(faq.aliases) <= 5 for faq in shop.faqs)
    assert all(product.variants().keys() == {"es", "en"} and product.price for product in shop.products)


def test_every_product_has_a_small_square_picture() -> None:
    """PNG, 600 by 600, under 40 kB, where its link points."""
    for product in knowledge().products:
        (link,) = product.images
        raw = images().joinpath(link.removeprefix("/media/products/")).read_bytes()
        assert raw.startswith(b"\x89PNG")
        assert struct.unpack(">II", raw[16:24]) == (600, 600)
        assert len(raw) < 40_000


@pytest.mark.parametrize(
    ("message", "part"),
    [
        ("hola", "asistente de la tienda"),
        ("hola! cuanto cuesta la crema de calendula?", "$ 48.900 COP"),
        ("muéstrame el jabón de avena", "[SEND_IMAGE:jabon-avena-miel]"),
        ("show me the sunscreen please", "[SEND_IMAGE:protector-solar]"),
        ("cuanto vale el envio", "$ 9.900 en Bogotá"),
        ("how much is shipping?", "$ 9,900 COP in Bogotá"),
        ("soy alergica a las nueces", "¿Quieres que te pase con una persona?"),
        ("venden al por mayor?", "25 %"),
        ("cual es la capital de francia", "No tengo esa información"),
        ("who is the president of brazil", "Shall I get a person?"),
    ],
)
def test_the_built_in_provider_answers_from_the_sample_shop(retriever: Retriever, message: str, part: str) -> None:
    """Grounded, in the customer's language, or honest."""
    assert part in reply(retriever, message)


def test_no_reply_holds_a_price_that_the_shop_does_not_have(retriever: Retriever) -> None:
    """Whatever is asked, what is said stands in a row or in the fixed texts."""
    for product in knowledge().products:
        for lang, words in product.variants().items():
            text = reply(retriever, ("precio " if lang == "es" else "price of ") + words.name)
            assert f"[SEND_IMAGE:{product.id}]" in text
            assert words.description in text
    assert reply(retriever, "cuanto?") in {say("which_product", "es"), say("dont_know", "es")}
