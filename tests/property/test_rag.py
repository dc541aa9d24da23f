"""Retrieval under hostile queries and rows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.rag.knowledge import FAQ, Knowledge, KnowledgeError, faq_from, product_from
from common.rag.retrieval import Retriever
from common.sample.load import knowledge

ANYTHING = st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=400)
RETRIEVER = Retriever(knowledge())


@given(query=ANYTHING, k=st.integers(1, 8))
@settings(max_examples=200, deadline=None)
def test_any_query_is_answered_with_sane_snippets(query: str, k: int) -> None:
    """No query raises; confidence is a share."""
    hits = RETRIEVER.search(query, k=k)
    assert len(hits) <= k
    assert all(0 <= hit.confidence <= 1 and hit.score > 0 for hit in hits)


@given(rows=st.lists(st.tuples(ANYTHING, ANYTHING), max_size=5))
@settings(max_examples=40, deadline=None)
def test_any_texts_can_be_indexed(rows: list[tuple[str, str]]) -> None:
    """Rows of any script or nonsense build an index that can be searched."""
    faqs = tuple(FAQ(f"r{number}", question, answer) for number, (question, answer) in enumerate(rows))
    Retriever(Knowledge(faqs=faqs)).search("hola crema")


@given(raw=st.binary(max_size=60) | st.recursive(st.none() | st.text(max_size=5), st.lists).map(repr).map(str.encode))
@settings(max_examples=150, deadline=None)
def test_a_stored_row_is_right_or_refused(raw: bytes) -> None:
    """Nothing but KnowledgeError comes out of a broken row."""
    for read in (product_from, faq_from):
        with pytest.raises(KnowledgeError):
            read("a", raw)
