"""What detectors work on: text of the same length in which look-alikes are plain and found values are blanked out."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

#: Stands in place of what has been found. No context rule may reach across it, so a second pass finds nothing new.
BLANK = "\x1f"


class Span(NamedTuple):
    """`text[start:end]` is a value of `kind`; two writings of one value share `canonical`."""

    start: int
    end: int
    kind: str
    canonical: str


def canonical(value: str) -> str:
    """Letters and digits only, upper case: how two writings of one number are seen to be the same."""
    return "".join(char for char in value if char.isalnum()).upper()


def plain(text: str) -> str:
    """`text` with every digit, dash, space and @ of Unicode as its ASCII one; same length, same offsets."""
    return text if text.isascii() else text.translate(_look_alikes())


def fold(text: str) -> str:
    """`text` without case and accents, same length and offsets."""
    return text.lower() if text.isascii() else text.translate(_folding())


def blank(text: str, spans: Iterable[Span]) -> str:
    """`text` with `spans` blanked out; same length. Spans must not overlap and must come in order."""
    parts: list[str] = []
    at = 0
    for span in spans:
        parts += (text[at : span.start], BLANK * (span.end - span.start))
        at = span.end
    parts.append(text[at:])
    return "".join(parts)


def disjoint(spans: Iterable[Span]) -> list[Span]:
    """`spans` in order of place; where two overlap, the one that begins first, or the longer one."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


@cache
def _look_alikes() -> dict[int, str]:
    table: dict[int, str] = {}
    for point in (*range(128, 0x20000), 0xE0001, *range(0xE0020, 0xE0080)):  # no digit or format character elsewhere
        char = chr(point)
        category = unicodedata.category(char)
        digit = unicodedata.digit(char, None)
        if digit is not None:
            table[point] = str(digit)
        elif category in {"Pd", "Zs", "Cf"}:  # dashes; spaces; invisible characters that would split a number
            table[point] = "-" if category == "Pd" or point == 0xAD else " "
    key_caps = {0xFE0F: " ", 0x20E3: " "}
    return table | key_caps | {0xFF20: "@", 0xFE6B: "@", 0xFF0E: ".", 0x2024: ".", 0xFF0B: "+", 0x2212: "-"}


@cache
def _folding() -> dict[int, str]:
    table: dict[int, str] = {point: chr(point).lower() for point in range(65, 91)}
    for point in (*range(0xC0, 0x250), *range(0x370, 0x530), *range(0x1E00, 0x2000)):
        base = unicodedata.normalize("NFD", chr(point))[0].lower()
        table[point] = base if len(base) == 1 else chr(point)
    return table
