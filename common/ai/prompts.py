"""What a model is told, and what is read out of its answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from string import Template

from common.ai.base import AIRequest, Snippet

_LANGUAGES = {"es": "Spanish", "en": "English", "pt": "Portuguese"}
_HANDOVER = re.compile(r"\[HANDOVER(?::([^\]\n]{0,200}))?\]", re.IGNORECASE)


def system_prompt(*, business: str = "the shop", lang: str = "es", own: str | None = None) -> str:
    """The system prompt of a shop.

    Args:
        business: its name.
        lang: the language to answer in unless the customer writes another one.
        own: AI_SYSTEM_PROMPT; stands in place of ours when set.
    """
    return own or _system(business, _LANGUAGES.get(lang, lang))


@lru_cache(maxsize=64)
def _system(business: str, language: str) -> str:
    return Template(_text("system")).safe_substitute(business=business, language=language)


def system_with_knowledge(request: AIRequest) -> str:
    """The system prompt, then the snippets as delimited data: the stable part first, so that it can be cached."""
    return f"{request.system}\n\n{_knowledge(request.snippets)}"


def turns(request: AIRequest) -> list[dict[str, str]]:
    """History and, last of all, the message, as chat turns that begin with the user."""
    said = [{"role": role, "content": text} for role, text in request.history if text and not text.isspace()]
    first = next((n for n, turn in enumerate(said) if turn["role"] == "user"), len(said))
    return [*said[first:], {"role": "user", "content": request.message}]


def read_reply(text: str) -> tuple[str, str | None]:
    """The reply without the hand-over tag, and its reason when the model asked for a person."""
    match = _HANDOVER.search(text)
    if match is None:
        return text.strip(), None
    return _HANDOVER.sub("", text).strip(), (match[1] or "").strip() or "the model asked for a person"


def _knowledge(snippets: Sequence[Snippet]) -> str:
    if not snippets:
        return "KNOWLEDGE: nothing found for this message."
    rows = (f'<{row.kind} id="{row.id}">\n{_data(row.title)}\n{_data(row.text)}\n</{row.kind}>' for row in snippets)
    return "\n".join(("KNOWLEDGE:", "<knowledge>", *rows, "</knowledge>"))


def _data(text: str) -> str:
    """`text` unable to close its element."""
    return text.replace("<", "(").replace(">", ")")


@cache
def _text(name: str) -> str:
    return files("common.ai").joinpath("prompts", f"{name}.md").read_text(encoding="utf-8")
