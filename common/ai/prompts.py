"""What a model is told, and what is read out of its answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from string import Template

from common.ai.base import AIRequest, ChatTurn, Snippet

_LANGUAGES = {"es": "Spanish", "en": "English", "pt": "Portuguese"}
_HANDOVER = re.compile(r"\[HANDOVER(?::([^\]\n]{0,200}))?\]", re.IGNORECASE)


def system_prompt(*, business: str = "the shop", lang: str = "es", own: str | None = None) -> str:
    """The system prompt of a shop.

    Args:
        business: its name.
        lang: the language to answer in unless the customer writes another one.
        own: AI_SYSTEM_PROMPT; stands in place of ours when set.
    """
    return own or Template(_text("system")).safe_substitute(business=business, language=_LANGUAGES.get(lang, lang))


def system_with_knowledge(request: AIRequest) -> str:
    """The system prompt, then the snippets as delimited data: the stable part first, so that it can be cached."""
    return f"{_clean(request.system)}\n\n{_knowledge(request.snippets)}"


def turns(request: AIRequest) -> list[dict[str, str]]:
    """History and, last of all, the message, as chat turns that begin with the user."""
    history: Sequence[ChatTurn] = [turn for turn in request.history if turn.text.strip()]
    while history and history[0].role == "assistant":
        history = history[1:]
    return [
        *({"role": turn.role, "content": _clean(turn.text)} for turn in history),
        {"role": "user", "content": _clean(request.message)},
    ]


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
    return _clean(text).replace("<", "(").replace(">", ")")


def _clean(text: str) -> str:
    """`text` that can be written as UTF-8: halves of surrogate pairs, which JSON may carry, become question marks."""
    return text.encode("utf-8", "replace").decode()


@cache
def _text(name: str) -> str:
    return files("common.ai").joinpath("prompts", f"{name}.md").read_text(encoding="utf-8")
