"""Every sentence that the console shows comes from here, in the language of whoever looks.

The tables stand in console.words. Names in braces are filled by `t`. What other parts say in English (reasons of a
hand-over, refusals of the desk, error codes) is translated where it is known and shown as it is where not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from common.graph.error_codes import rule_of
from console.words import english, spanish, spanish_foreign

LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": english.WORDS, "es": spanish.WORDS}
#: What a language calls itself.
OWN_NAMES: Mapping[str, str] = {"en": "English", "es": "Español"}
DEFAULT = "en"

_ask: list[Callable[[], str]] = [lambda: DEFAULT]


def ask(whose: Callable[[], str]) -> None:
    """From now on `whose` tells the language of the person behind a call."""
    _ask[:] = [whose]


def language() -> str:
    """A key of LANGUAGES."""
    found = _ask[0]()
    return found if found in LANGUAGES else DEFAULT


def language_of(wanted: str | None, otherwise: str) -> str:
    """`wanted` if we speak it, else `otherwise`, else the default."""
    return next((lang for lang in (wanted, otherwise) if lang in LANGUAGES), DEFAULT) or DEFAULT


def t(key: str, *, lang: str = "", **values: Any) -> str:
    """The sentence `key`, with its names filled."""
    sentence = LANGUAGES[lang or language()][key]
    return sentence.format(**values) if values else sentence


def word(group: str, name: str) -> str:
    """What `name` is called within a group: `word("job.state", "queued")`; one never heard of keeps its name."""
    return LANGUAGES[language()].get(f"{group}.{name}", name)


def kind(name: str) -> str:
    """What a message type is called: `Image` for `image`."""
    found = word("kind", name)
    return found if found != name else name.replace("_", " ").capitalize()


def said(sentence: str) -> str:
    """A reason or refusal that another part of Relevo wrote in English."""
    if language() != "es":
        return sentence
    for english_, spanish_ in spanish_foreign.SAID:
        if found := english_.fullmatch(sentence):
            return found.expand(spanish_)
    return sentence


def meta(code: int | None) -> tuple[str, str] | None:
    """What an error code of Graph means, and what to do; None for one that nobody documented. No full stops."""
    rule = None if code is None else rule_of(code)
    if code is None or rule is None:
        return None
    own = spanish_foreign.META.get(code) if language() == "es" else None
    return own or (rule.meaning, rule.advice.rstrip("."))
