"""Does the customer ask for a person? By keywords in Spanish, English and Portuguese; pure, about 15 us a message.

A word of the table fires wherever it stands as a word, whatever its case, accents or drawn-out letters, except in
phrases that ask for nobody (`words.LOOK_ALIKES`: "para una persona de piel seca", "¿eres una persona real?",
"gracias por la ayuda", "¿ayuda a hidratar?", "¿me ayudas a elegir?") and where it is refused ("no quiero hablar con un
humano"). In doubt it fires: a person too many is cheaper than a customer left with a machine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from common.handover.language import guess, unaccented
from common.handover.words import CLAUSE_END, LOOK_ALIKES, STANCE, WORDS, Tier, Word

_LONGEST = 4096
_APOSTROPHES = re.compile(r"['`\u2019\u00b4]")
_SPACES = re.compile(r"\s+")
_DRAWN_OUT = re.compile(r"([a-z])\1{2,}")
_LOOK_ALIKES = re.compile(r"\b(?:" + "|".join(LOOK_ALIKES) + r")")
_STANCE = re.compile(STANCE)


@dataclass(frozen=True, slots=True)
class Handover:
    """Why a person is wanted: the word that fired (as in the table), its language, and the kind of request."""

    word: str
    lang: str
    tier: Tier


def detect(text: str, *, extra: Sequence[str] = ()) -> Handover | None:
    """The first request for a person in `text`, or None.

    Args:
        text: what the customer wrote; only its first 4,096 characters are read.
        extra: HANDOVER_WORDS: words or phrases that fire too; `-word` takes a built-in one out, with all its forms.
    """
    words = _compiled(tuple(extra))
    folded = fold(text)
    if not words.any.search(folded):
        return None
    for match in words.own.finditer(folded) if words.own else ():
        if not _refused(folded, match.start()):
            return Handover(match[0], guess(text), "person")
    cleaned = _LOOK_ALIKES.sub("|", folded)
    for match in words.built_in.finditer(cleaned) if words.built_in else ():
        if not _refused(cleaned, match.start()):
            return _handover(words.of(match), text)
    return None


def fold(text: str) -> str:
    """Lower case, no accents or apostrophes, single spaces, no drawn-out letters ("ayudaaa")."""
    plain = unaccented(_APOSTROPHES.sub("", text[:_LONGEST]).lower())
    return _DRAWN_OUT.sub(r"\1", _SPACES.sub(" ", plain)).strip()


@dataclass(frozen=True, slots=True)
class _Compiled:
    any: re.Pattern[str]
    own: re.Pattern[str] | None
    built_in: re.Pattern[str] | None
    table: tuple[Word, ...]

    def of(self, match: re.Match[str]) -> list[Word]:
        """The rows of the table that `match` may stand for; languages share words."""
        return [word for word in self.table if re.compile(word.pattern).match(match.string, match.start())]


@lru_cache(maxsize=64)
def _compiled(extra: tuple[str, ...]) -> _Compiled:
    removed = [fold(word[1:]) for word in extra if word.startswith("-")]
    own = [fold(word) for word in extra if not word.startswith("-")]
    table = tuple(word for word in WORDS if not any(_names(word, out) for out in removed))
    patterns = [word.pattern for word in table]
    phrases = [re.escape(word) for word in sorted(own, key=len, reverse=True) if word]
    return _Compiled(_bounded([*phrases, *patterns, r"(?!)"]), _bounded(phrases) if phrases else None,
                     _bounded(patterns) if patterns else None, table)  # fmt: skip


def _bounded(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile(r"(?<!\w)(?:" + "|".join(patterns) + r")(?!\w)")


def _names(word: Word, removed: str) -> bool:
    return removed == word.lemma or bool(re.fullmatch(word.pattern, removed))


def _refused(folded: str, start: int) -> bool:
    """The word at `start` stands after a refusal, with no wish in between."""
    clause = folded[:start]
    for end in CLAUSE_END.finditer(folded, max(0, start - 120), start):
        clause = folded[end.end() : start]
    stances = [*_STANCE.finditer(clause[-120:] + folded[start : start + 8])]
    return bool(stances) and stances[-1]["no"] is not None


def _handover(rows: Sequence[Word], text: str) -> Handover:
    lang = guess(text)
    for row in rows:
        if lang in row.langs:
            return Handover(row.lemma, lang, row.tier)
    return Handover(rows[0].lemma, rows[0].langs[0], rows[0].tier)
