"""Personal data out of a text, and back in: `redact`, `restore`.

Values become numbered, typed placeholders (`[PHONE_1]`); the same value gets the same one. Pure and bounded in time
for any text: a chat message without digits or `@` costs a few microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from common.pii.patterns import find_emails, find_spaced_emails, find_streets
from common.pii.spans import Span, blank, canonical, disjoint, fold, plain

#: Kinds that the detectors find; `known` may bring others (capital letters).
KINDS = ("EMAIL", "CARD", "IBAN", "ID", "PHONE", "ADDRESS", "NAME")

_PLACEHOLDER = re.compile(r"\[([A-Z]{2,12})_([1-9][0-9]{0,5})\]")
_SIX_DIGITS = re.compile(r"[0-9](?:[^0-9]{0,4}[0-9]){5}")
_DIGIT = re.compile(r"\d")
_ROUNDS = 8
_SHORTEST_KNOWN = 3


class Found(NamedTuple):
    """One value taken out, as it was first written, and what stands in its place."""

    kind: str
    placeholder: str
    value: str


class Redacted(NamedTuple):
    """`text` without personal data; `found` is what `restore` needs, those of `earlier` first."""

    text: str
    found: tuple[Found, ...]


def redact(
    text: str, *, region: str, known: Mapping[str, str] | None = None, earlier: Sequence[Found] = ()
) -> Redacted:
    """Replace personal data in `text` by placeholders.

    Args:
        text: anything at all.
        region: ISO 3166 code of the tenant's country: how bare phone numbers and ids are read.
        known: exact strings to mask, value to kind, e.g. a profile name, {"Ana Ruiz": "NAME"}; any case and accents.
        earlier: found in earlier messages of the same context; their values keep their placeholders.
    """
    spans = [] if _harmless(text, known) else _all_spans(text, region, known or {})
    if not spans:
        return Redacted(text, tuple(earlier))
    found = list(earlier)
    numbers = _Numbers(text, earlier)
    parts: list[str] = []
    at = 0
    for span in sorted(spans):
        value = text[span.start : span.end]
        placeholder, new = numbers.of(span, value)
        if new:
            found.append(Found(span.kind, placeholder, value))
        parts += (text[at : span.start], placeholder)
        at = span.end
    parts.append(text[at:])
    return Redacted("".join(parts), tuple(found))


def restore(text: str, found: Iterable[Found]) -> str:
    """`text` with the placeholders of `found` as their values; placeholders that nobody gave are removed."""
    if "[" not in text:
        return text
    values = {item.placeholder: item.value for item in found}
    return _replaced(text, values)


def strip_placeholders(text: str) -> str:
    """`text` without any placeholder."""
    return _replaced(text, {}) if "[" in text else text


def warm() -> None:
    """Load the number tables (about 0.2 s), so that no message waits for them."""
    redact("tel +57 300 123 4567, cc 1.020.304.050, ana@example.com, niña 4111 1111 1111 1111", region="CO")


class _Numbers:
    """Hands out placeholders: one per value, none that the text already shows."""

    def __init__(self, text: str, earlier: Sequence[Found]) -> None:
        self._last: dict[str, int] = {}
        self._given: dict[tuple[str, str], str] = {}
        for match in _PLACEHOLDER.finditer("".join((text, *(item.placeholder for item in earlier)))):
            self._last[match[1]] = max(self._last.get(match[1], 0), int(match[2]))
        for item in earlier:
            self._given[item.kind, _written(item.value)] = item.placeholder

    def of(self, span: Span, value: str) -> tuple[str, bool]:
        """The placeholder of `span`, and whether it is a new one."""
        keys = (span.kind, _written(value)), (span.kind, span.canonical)
        placeholder = self._given.get(keys[0]) or self._given.get(keys[1])
        new = placeholder is None
        if placeholder is None:
            self._last[span.kind] = self._last.get(span.kind, 0) + 1
            placeholder = f"[{span.kind}_{self._last[span.kind]}]"
        self._given[keys[0]] = self._given[keys[1]] = placeholder
        return placeholder, new


def _written(value: str) -> str:
    return "=" + re.sub(r"[^\w@]+", "", plain(value)).casefold()


def _harmless(text: str, known: Mapping[str, str] | None) -> bool:
    return not known and "@" not in text and not _DIGIT.search(text) and "arroba" not in text.lower()


def _all_spans(text: str, region: str, known: Mapping[str, str]) -> list[Span]:
    """Detectors in order of how sure they are, each on what the earlier ones left, until nothing more is found.

    Idempotence rests on that: the rest of an overlapping match, or a number whose neighbour is gone, is seen at once.
    """
    work = plain(text)
    work = blank(work, [Span(*match.span(), "", "") for match in _PLACEHOLDER.finditer(work)])
    spans: list[Span] = []
    for _ in range(_ROUNDS):
        before = len(spans)
        for detect in _detectors(work, region, known, spans):
            fresh = disjoint(detect(work))
            if fresh:
                spans += fresh
                work = blank(work, fresh)
        if len(spans) == before or not (known or "@" in work or _SIX_DIGITS.search(work)):
            return spans
    return spans + [Span(*match.span(), "ID", canonical(match[0])) for match in _SIX_DIGITS.finditer(work)]


def _detectors(
    work: str, region: str, known: Mapping[str, str], spans: list[Span]
) -> Iterator[Callable[[str], Iterable[Span]]]:
    if known:
        yield lambda text: _find_known(text, known)
    if "@" in work:
        yield find_emails
    if "@" in work or "arroba" in work.lower():
        yield find_spaced_emails
    if _SIX_DIGITS.search(work):
        from common.pii import cards, ids, phones  # noqa: PLC0415  0.2 s of number tables: only where numbers are

        yield cards.find_cards
        yield cards.find_ibans
        yield lambda text: ids.find_ids(text, region)
        yield lambda text: phones.find_phones(text, region)
        yield lambda text: ids.find_loose_ids(text, certain=any(span.kind != "NAME" for span in spans))
    if "-" in work:
        yield find_streets


def _find_known(text: str, known: Mapping[str, str]) -> Iterator[Span]:
    folded = fold(text)
    for value, kind in known.items():
        wanted = fold(plain(value)).strip()
        if len(wanted) >= _SHORTEST_KNOWN and wanted in folded:
            for match in re.finditer(rf"(?<!\w){re.escape(wanted)}(?!\w)", folded):
                yield Span(match.start(), match.end(), kind, wanted)


def _replaced(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values.get(match[0], ""), text)
