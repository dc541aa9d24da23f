"""Redaction under hostile text."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from common.pii.redact import redact, restore

REGIONS = st.sampled_from(["CO", "MX", "ES", "AR", "CL", "BR", "XX"])
ANYTHING = st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=300)
NUMBERY = st.text(alphabet="0123456789 +-.()/@#[]_abPHONEcxñ\x00\x1f\ud800\u200f", max_size=120)
SAFE = st.text(alphabet="abcdefghijklmnopqrstuvwxyzáéíñ ,;!?", max_size=60)

PLANTED = {
    "CO": ["3001234567", "+57 310 765 4321", "ana.perez@example.com", "4111 1111 1111 1111", "900.123.456-8"],
    "MX": ["+52 55 1234 5678", "GODE561231HDFRRN09", "GODE561231GR8", "5555-5555-5555-4444"],
    "ES": ["612345678", "12345678Z", "X1234567L", "ES9121000418450200051332"],
    "AR": ["+54 9 11 2345 6789", "20-12345678-6"],
    "CL": ["+56 9 8765 4321", "12.345.678-5"],
    "BR": ["+55 11 98765-4321", "529.982.247-25", "11.222.333/0001-81", "joao@example.com.br"],
}


@given(text=ANYTHING | NUMBERY, region=REGIONS)
@settings(max_examples=400, deadline=None)
def test_it_never_raises_and_a_second_pass_finds_nothing(text: str, region: str) -> None:
    """Idempotent on any text: half surrogates, NUL, right-to-left marks, our own filler."""
    once = redact(text, region=region)
    twice = redact(once.text, region=region)
    assert twice.text == once.text
    assert not twice.found


@given(text=NUMBERY, known=st.text(min_size=1, max_size=12))
@settings(max_examples=200, deadline=None)
def test_known_strings_never_raise_and_stay_idempotent(text: str, known: str) -> None:
    """Whatever a profile is called."""
    names = {known: "NAME"}
    once = redact(f"{known} {text}", region="CO", known=names)
    assert redact(once.text, region="CO", known=names).text == once.text


@given(
    data=st.data(),
    region=st.sampled_from(sorted(PLANTED)),
    before=SAFE,
    after=SAFE,
    glue=st.sampled_from([" ", "\n", ", "]),
)
@settings(max_examples=300, deadline=None)
def test_no_planted_value_survives_and_restore_brings_it_back(
    data: st.DataObject, region: str, before: str, after: str, glue: str
) -> None:
    """Between any words: gone from the text, kept in the mapping, back after restore."""
    value = data.draw(st.sampled_from(PLANTED[region]))
    text = f"{before}{glue}{value}{glue}{after}"
    result = redact(text, region=region)
    assert value not in result.text
    assert restore(result.text, result.found) == text


@given(values=st.lists(st.sampled_from(PLANTED["CO"]), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_several_values_in_one_text_all_go(values: list[str]) -> None:
    """Next to each other, repeated, in any order."""
    result = redact(" y ".join(values), region="CO")
    assert not any(value in result.text for value in values)
    assert len(result.found) == len(set(values))
