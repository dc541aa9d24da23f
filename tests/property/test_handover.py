"""Hand-over detection under hostile text."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from common.handover.detect import detect
from common.handover.language import LANGUAGES, guess

ANYTHING = st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=300)


@given(text=ANYTHING, extra=st.lists(st.text(max_size=12), max_size=4))
@settings(max_examples=200, deadline=None)
def test_it_never_raises(text: str, extra: list[str]) -> None:
    """Any text, any words that an admin may set."""
    detect(text, extra=extra)
    assert guess(text) in LANGUAGES


@given(
    word=st.sampled_from(
        ["humano", "agente", "asesor", "queja", "reclamo", "ayuda", "contactar", "human", "help", "atendente"]
    ),
    before=st.sampled_from(["", "hola, ", "¡", "por favor: "]),
    after=st.sampled_from(["", "!", "???", " por favor", " ya", " 🙏"]),
    upper=st.booleans(),
)
def test_a_bare_keyword_fires_in_any_dress(word: str, before: str, after: str, upper: bool) -> None:
    """Case, punctuation, greetings and emoji around it change nothing."""
    text = f"{before}{word}{after}"
    assert detect(text.upper() if upper else text)
