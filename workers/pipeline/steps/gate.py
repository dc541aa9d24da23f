"""Gate: may the bot answer at all? A pure decision with a reason a person can read."""

from __future__ import annotations

from common.handover.opting import OPTED_OUT
from workers.pipeline.steps.redact import spoken
from workers.pipeline.turn import MEDIA, Services, Turn

#: Seconds of the service window that must be left: an answer that arrives late is refused by Meta.
WINDOW_MARGIN = 60

_LEFT = "left_to_person"


def gate(turn: Turn, services: Services) -> Turn:
    """Stops the turn when it is not the bot's to answer, or when there is nothing to answer."""
    numbers = services.settings.whatsapp_phone_id
    number, owner, until = turn.conversation.phone_number_id, turn.conversation.owner, turn.conversation.window_until
    age = turn.now - max(message.at for message in turn.messages)
    wishes = [message.wish for message in turn.messages]
    rules = (
        (owner != "bot", _LEFT, "a person has this chat"),
        (bool(numbers) and number not in numbers, _LEFT, f"number {number} is not in WHATSAPP_PHONE_ID"),
        (any(message.group for message in turn.messages), _LEFT, "written in a group"),
        (not turn.question and not _media(turn), "ignored", "nothing to answer"),
        (turn.conversation.opted_out and not any(wishes), _LEFT, OPTED_OUT),
        (turn.conversation.opted_out and "out" not in wishes, "ignored", "the customer had opted out before"),
        (turn.now > until - WINDOW_MARGIN, _LEFT, "the 24 h service window is closed"),
        (age > services.settings.stale_minutes * 60, _LEFT, "the message came too late to be answered by a bot"),
    )
    for applies, outcome, reason in rules:
        if applies:
            return turn._replace(outcome=outcome, reason=reason)
    return turn


def _media(turn: Turn) -> bool:
    revoked = {m.refers for m in turn.messages if m.kind == "revoke"}
    return bool(spoken(turn.messages)) or any(m.kind in MEDIA and m.mid not in revoked for m in turn.messages)

