"""One version of a shop's knowledge as a BM25 index in memory.

Every phrasing of a row (question, name, alias) is a document of its own, so that a short question is not drowned by a
long row; its whole text is one more. A row scores its best phrasing plus a share of its text. The score divided by
the idf of the query tells topics apart, the score itself rejects chatter; confidence needs both (see `fitting`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

import tantivy

from common.ai.base import Snippet
from common.rag.fitting import Limits, fit
from common.rag.knowledge import FAQ, Knowledge, Product, price_text
from common.rag.tokens import tokens

_HEAP = 15_000_000  # bytes, the least that a writer takes
_DEPTH = 60  # documents looked at: some rows have ten phrasings
_TEXT_SHARE = 0.4
_PHRASE, _TEXT = "phrase", "text"


@dataclass(frozen=True, slots=True)
class Row:
    """What a hit stands for: a row in one language."""

    id: str
    kind: Literal["faq", "product"]
    lang: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Scored:
    """A row and its score; `share` is the score by the weight of the query."""

    row: Row
    score: float
    share: float


class Index:
    """Searches one `Knowledge`; immutable, so it may be shared by tasks and threads."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._rows: list[Row] = []
        self._documents: list[tuple[int, str, str]] = []  # row number, field, its words
        for faq in knowledge.faqs:
            self._add(*_faq_row(faq))
        for product in knowledge.products:
            for entry in _product_rows(product):
                self._add(*entry)
        self._langs = tuple(dict.fromkeys(row.lang for row in self._rows))
        self._known: dict[str, Counter[str]] = {_PHRASE: Counter(), _TEXT: Counter()}  # documents that hold a token
        self._schema, self._searcher = self._built()
        self._size = len(self._documents)
        self.limits = self._fitted()

    def search(self, query: str, k: int) -> list[Snippet]:
        """The `k` best rows, each id once, best first."""
        found: dict[tuple[str, str], Snippet] = {}
        for hit in self._score(query):
            if len(found) == k:
                break
            row = hit.row
            if (row.kind, row.id) not in found:
                found[row.kind, row.id] = Snippet(
                    id=row.id,
                    title=row.title,
                    text=row.text,
                    score=hit.score,
                    confidence=self.limits.confidence(hit.score, hit.share),
                    lang=row.lang,
                    kind=row.kind,
                )
        return list(found.values())

    def _add(self, row: Row, phrases: tuple[str, ...], text: str) -> None:
        number = len(self._rows)
        self._rows.append(row)
        self._documents += ((number, _PHRASE, phrase) for phrase in phrases)
        self._documents.append((number, _TEXT, text))

    def _built(self) -> tuple[tantivy.Schema, tantivy.Searcher]:
        builder = tantivy.SchemaBuilder()
        builder.add_unsigned_field("document", indexed=False, fast=True)
        for field in (_PHRASE, _TEXT):
            builder.add_text_field(field, tokenizer_name="spaces", index_option="freq")
        schema = builder.build()
        index = tantivy.Index(schema)
        index.register_tokenizer("spaces", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
        writer = index.writer(_HEAP, 1)
        for number, (row, field, words) in enumerate(self._documents):
            document = tantivy.Document()
            document.add_unsigned("document", number)
            found = tokens(words, self._rows[row].lang)
            self._known[field].update(found)
            document.add_text(field, " ".join(found))
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        return schema, index.searcher()

    def _score(self, query: str, *, skip: int = -1) -> list[Scored]:
        """Rows by score. `skip` is a document that is not there, for fitting."""
        weights = dict.fromkeys(self._langs, 0.0)
        terms: list[tuple[tantivy.Occur, tantivy.Query]] = []
        in_phrases, in_texts = self._known[_PHRASE], self._known[_TEXT]
        for lang in self._langs:
            for token in tokens(query, lang):
                known = in_phrases.get(token, 0)
                weights[lang] += math.log(1 + (self._size - known + 0.5) / (known + 0.5))
                if known:
                    terms.append((tantivy.Occur.Should, tantivy.Query.term_query(self._schema, _PHRASE, token, "freq")))
                if token in in_texts:
                    terms.append((tantivy.Occur.Should, tantivy.Query.term_query(self._schema, _TEXT, token, "freq")))
        if not terms:
            return []
        scores = self._row_scores(tantivy.Query.boolean_query(terms), skip)
        found = [
            Scored(self._rows[row], score, score / max(weights[self._rows[row].lang], 1e-9)) for row, score in scores
        ]
        return sorted(found, key=lambda hit: (-hit.score, hit.row.id, hit.row.lang))

    def _row_scores(self, query: tantivy.Query, skip: int) -> Iterator[tuple[int, float]]:
        hits = self._searcher.search(query, _DEPTH, count=False).hits
        numbers = cast("list[int]", self._searcher.fast_field_values("document", [address for _, address in hits]))
        phrase: dict[int, float] = {}
        text: dict[int, float] = {}
        for (score, _), number in zip(hits, numbers, strict=True):
            row, field, _ = self._documents[number]
            best = phrase if field == _PHRASE else text
            if number != skip and row not in best:  # hits come best first
                best[row] = float(score)
        for row in phrase.keys() | text.keys():
            yield row, phrase.get(row, 0.0) + _TEXT_SHARE * text.get(row, 0.0)

    def _fitted(self) -> Limits:
        def best(query: str, skip: int, lang: str) -> tuple[str, float, float] | None:
            hits = [hit for hit in self._score(query, skip=skip) if hit.row.lang == lang]
            return (hits[0].row.id, hits[0].score, hits[0].share) if hits else None

        phrases = [
            (number, words, self._rows[row].id, self._rows[row].lang)
            for number, (row, field, words) in enumerate(self._documents)
            if field == _PHRASE
        ]
        return fit(phrases, best, self._langs)


def _faq_row(faq: FAQ) -> tuple[Row, tuple[str, ...], str]:
    row = Row(faq.id, "faq", faq.lang, faq.question, faq.answer)
    return row, (faq.question, *faq.aliases), f"{faq.question} {faq.answer}"


def _product_rows(product: Product) -> Iterator[tuple[Row, tuple[str, ...], str]]:
    for lang, words in product.variants().items():
        price = price_text(product.price, product.currency, lang)
        card = f"{words.name}: {price}\n{words.description}" if price else f"{words.name}\n{words.description}"
        row = Row(product.id, "product", lang, words.name, card)
        yield row, (words.name, *words.aliases), f"{words.name} {words.category} {words.description}"
