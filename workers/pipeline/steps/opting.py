"""Opting: the last line to a customer who wants no more messages, and the first to one who is back."""

from __future__ import annotations

from common.handover.opting import language_of
from common.handover.texts import Name, say
from common.messages import OutboundPart
from workers.pipeline.steps.redact import language
from workers.pipeline.turn import Received, Services, Turn


def opting(turn: Turn, services: Services) -> Turn:  # noqa: ARG001  a step like the others
    """Sets `parts` when the customer's last wish is all there is to answer; else leaves the turn as it is."""
    said = {message.wish: message for message in turn.messages}
    if turn.conversation.opted_out:
        return _line(turn, said["out"], "opted_out", needs="opted_out") if "out" in said else turn
    if "in" in said and not any(message.text and not message.wish for message in turn.messages):
        return _line(turn, said["in"], "opted_in", needs="bot")
    return turn


def _line(turn: Turn, word: Received, name: Name, *, needs: str) -> Turn:
    lang = language_of(word.text, default=language(turn.lang))
    text = say(name, lang)
    part = OutboundPart(payload={"type": "text", "text": {"body": text}}, text=text, needs_owner=needs)
    return turn._replace(lang=lang, parts=(part,))
