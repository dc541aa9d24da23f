"""The provider without a key or a network: the best grounded answer from the knowledge, or an honest "I don't know".

It never writes a sentence about the shop: answers are quoted from the snippets, so nothing can be invented.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from common.ai.base import AIRequest, AIResult, Snippet
from common.ai.smalltalk import folded, folded_words, say, topic

#: A snippet below this confidence is not answered from (see common.rag.fitting).
ENOUGH = 0.5
#: Products within this share of the best one's score are named together.
_NEAR = 0.7
_MOST_CHOICES = 4
#: A snippet in the customer's language is preferred down to this share of the best one's score.
_SAME_LANGUAGE = 0.6

_SEE = re.compile(
    r"\b(?:fotos?|fotico|imagen(?:es)?|imagem|imagens|mu[e]?strame|muestras?me|muestra(?:la|lo)?|mostrar(?:me)?|mandame|ver(?:la|lo)?"
    r"|como (?:es|se ve)|pictures?|photos?|pics?|show|see|look like|mostra|mostre)\b"
)
_PRICE = re.compile(
    r"\b(?:precios?|presio|cuanto (?:cuesta|vale|sale|es)|valor|price|how much|cost|preco|quanto (?:custa|e))\b"
)
_SHORT = 5
#: Words of product names that tell no product from another.
_PLAIN_WORDS = frozenset((
    "agua", "aceite", "body", "care", "corporal", "cream", "crema", "cuidado", "face", "facial", "hidratante",
    "natural", "para", "piel", "producto", "skin", "with",
))  # fmt: skip


class BuiltinProvider:
    """Small talk, answers word for word from the best snippet, product cards. Deterministic, never fails."""

    name = "builtin"
    model = "extractive"

    async def complete(self, request: AIRequest, *, deadline: float) -> AIResult:
        """As AIProvider.complete."""
        del deadline  # done in less than a millisecond
        began = time.perf_counter()
        reply, confidence, sources, handover = self._answer(request)
        return AIResult(
            reply=reply,
            provider=self.name,
            model=self.model,
            confidence=confidence,
            handover=handover,
            sources=sources,
            latency_ms=(time.perf_counter() - began) * 1000,
        )

    def _answer(self, request: AIRequest) -> tuple[str, float, tuple[str, ...], str | None]:
        lang = request.lang
        kind = topic(request.message, request.history)
        if kind == "accepted":
            return "", 1.0, (), "the customer accepted the offer of a person"
        if kind:
            return say(kind, lang), 1.0, (), None
        snippets = [snippet for snippet in request.snippets if snippet.confidence >= ENOUGH]
        best = _best(snippets, lang)
        if best is None:
            unclear = len(folded_words(request.message)) <= _SHORT and _asks_for_a_product(request.message)
            return say("which_product" if unclear else "dont_know", lang), 0.0, (), None
        if best.kind == "faq":
            return best.text, best.confidence, (best.id,), None
        chosen = _products(request.message, best, snippets)
        return _shown(chosen, lang), best.confidence, tuple(product.id for product in chosen), None


def _best(snippets: Sequence[Snippet], lang: str) -> Snippet | None:
    if not snippets:
        return None
    first = snippets[0]
    same = (snippet for snippet in snippets if snippet.lang == lang and snippet.score >= _SAME_LANGUAGE * first.score)
    return first if first.lang == lang else next(same, first)


def _asks_for_a_product(message: str) -> bool:
    text = folded(message)
    return bool(_SEE.search(text) or _PRICE.search(text))


def _products(message: str, best: Snippet, snippets: Sequence[Snippet]) -> list[Snippet]:
    """The product that was named, else the few that fit about as well."""
    if _named(message, best):
        return [best]
    return [row for row in snippets if row.kind == "product" and row.score >= _NEAR * best.score][:_MOST_CHOICES]


def _named(message: str, product: Snippet) -> bool:
    """A telling word of the product's name stands in the message, give or take its ending."""
    said = {word[:_SHORT] for word in folded_words(message)}
    name = (word for word in folded_words(product.title) if len(word) > 3 and word not in _PLAIN_WORDS)
    return any(word[:_SHORT] in said for word in name)


def _shown(products: Sequence[Snippet], lang: str) -> str:
    if len(products) == 1:
        heading, _, description = products[0].text.partition("\n")
        return f"*{heading}*\n{description}\n[SEND_IMAGE:{products[0].id}]"
    lines = "\n".join(f"• {product.text.partition(chr(10))[0]}" for product in products)
    return say("choices", lang).format(list=lines)
