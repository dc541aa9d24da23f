"""Long text to bubbles that WhatsApp takes, cut where a reader would pause."""

from __future__ import annotations

import re
import unicodedata

#: Characters of one text message (Cloud API, text messages).
MAX_TEXT = 4096

_PARAGRAPH = re.compile(r"\n\s*\n")
#: The end of a sentence with what closes it; ideographic full stops need no space after them.
_SENTENCE = re.compile(r"(?<=[.!?\u2026])[\"'\u201d\u2019\u00bb)\]*_~]*\s+|\n|(?<=[\u3002\uff01\uff1f])")
_SPACE = re.compile(r"\s+")
_JOINER = "\u200d"


def split_text(text: str, limit: int = MAX_TEXT) -> list[str]:
    """`text` in pieces of at most `limit` characters; nothing but white space between them is lost.

    Cut at the end of a paragraph, else of a sentence, else between words, else between two whole characters
    (a letter keeps its accents, an emoji its parts).
    """
    pieces: list[str] = []
    rest = text.strip()
    while len(rest) > limit:
        cut = _cut(rest, limit)
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    if rest:
        pieces.append(rest)
    return pieces


def _cut(text: str, limit: int) -> int:
    """Where the first piece of `text` ends; `text` starts with no white space and is longer than `limit`."""
    for boundary, least in ((_PARAGRAPH, limit // 2), (_SENTENCE, limit // 4), (_SPACE, 1)):
        cut = _last(boundary, text, limit, least)
        if cut:
            return cut
    cut = limit
    while cut > limit - 64 and cut > 1 and _inside_character(text, cut):
        cut -= 1
    return cut if cut > max(1, limit - 64) else limit


def _last(boundary: re.Pattern[str], text: str, limit: int, least: int) -> int:
    """Last place at or before `limit` where a piece may end before `boundary`'s white space; 0 when there is none."""
    best = 0
    for found in boundary.finditer(text, 0, limit + 1):
        end = found.start() + len(found.group().rstrip())
        if least <= end <= limit:
            best = end
    return best


def _inside_character(text: str, cut: int) -> bool:
    """Whether what a reader sees as one character goes over `cut`."""
    before, after = text[cut - 1], text[cut]
    if _JOINER in (before, after) or unicodedata.category(after) in ("Mn", "Me", "Mc", "Sk"):
        return True
    flags = 0
    while flags < cut and "\U0001f1e6" <= text[cut - 1 - flags] <= "\U0001f1ff":
        flags += 1
    return flags % 2 == 1 and "\U0001f1e6" <= after <= "\U0001f1ff"
