"""Review: from the model's words to bubbles that may leave."""

from __future__ import annotations

from typing import Any

import structlog

from common.channels.whatsapp.compose import compose
from common.conversations.commands import TEXT_MAX
from common.handover.texts import say
from common.messages import OutboundPart
from common.pii.redact import Found, restore, strip_placeholders
from common.rag.fitting import ENOUGH
from workers.pipeline.steps.detect import step_back
from workers.pipeline.turn import Services, Turn

#: Characters of a reply that are sent: a model that runs away must not fill a phone.
REPLY_MAX = 4 * TEXT_MAX

#: Questions in a row that the bot may leave unanswered; the next one goes to a person.
MISSES = 2

log = structlog.get_logger("turn")


async def review(turn: Turn, services: Services) -> Turn:
    """Sets `parts`: text and images within WhatsApp's limits, the customer's own data put back in place."""
    result = turn.result
    if result is None:
        return turn
    if result.confidence < ENOUGH and turn.session.misses >= MISSES:
        return step_back(turn, services, f"{MISSES + 1} questions in a row without an answer")
    loaded = await services.knowledge.current(services.db, turn.tenant)
    growth = sum(max(0, len(one.value) - len(one.placeholder)) for one in turn.found)
    composed = compose(
        result.reply[:REPLY_MAX],
        products=loaded.products,
        base_url=services.settings.base_url,
        text_limit=max(TEXT_MAX // 2, TEXT_MAX - growth),
    )
    if composed.unknown_products:
        log.warning("reply names unknown products", turn=turn.id, products=list(composed.unknown_products))
    parts = tuple(_personal(part, turn.found) for part in composed.parts)
    if result.handover:
        return step_back(turn._replace(parts=_before_notice(parts)), services, f"the model asks: {result.handover}")
    if not parts:
        text = say("dont_know", turn.lang)
        parts = (OutboundPart(payload={"type": "text", "text": {"body": text}}, text=text),)
    return turn._replace(parts=parts)


def _personal(part: OutboundPart, found: tuple[Found, ...]) -> OutboundPart:
    """Placeholders of this turn become the customer's words in what is sent; the readable text keeps them."""
    payload: dict[str, Any] = dict(part.payload)
    if payload.get("type") == "text":
        body = strip_placeholders(restore(payload["text"]["body"], found))[:TEXT_MAX]
        payload["text"] = {**payload["text"], "body": body}
    return part._replace(payload=payload)


def _before_notice(parts: tuple[OutboundPart, ...]) -> tuple[OutboundPart, ...]:
    """The chat waits for a person already when these leave."""
    return tuple(part._replace(needs_owner="waiting") for part in parts)
