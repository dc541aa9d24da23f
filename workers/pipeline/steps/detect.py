"""Detect: does the customer ask for a person? Then the bot steps back and says so."""

from __future__ import annotations

from common.handover.detect import detect
from common.handover.offer import accepts_offer
from common.handover.texts import Name, say
from common.messages import OutboundPart
from workers.pipeline.turn import Services, Turn


def detect_handover(turn: Turn, services: Services) -> Turn:
    """Sets `handover` (why) and the notice that the customer gets, instead of an answer."""
    found = detect(turn.question, extra=services.settings.handover_words)
    if found:
        notice: Name = "handover_complaint" if found.tier == "complaint" else "handover"
        return step_back(turn, services, f"asked for a person: {found.word}", notice)
    last = turn.session.history[-1].text if turn.session.history else ""
    if accepts_offer(last, turn.question):
        return step_back(turn, services, "accepted the offer of a person")
    return turn


def step_back(turn: Turn, services: Services, why: str, notice: Name = "handover") -> Turn:
    """The bot gives the chat to a person; the notice leaves only while nobody has taken over yet."""
    text = services.settings.handover_text or say(notice, turn.lang)
    part = OutboundPart(payload={"type": "text", "text": {"body": text}}, text=text, needs_owner="waiting")
    return turn._replace(handover=why, parts=(*turn.parts, part))
