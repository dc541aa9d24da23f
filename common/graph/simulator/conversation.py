"""How messages change a chat: new bubbles, and reactions, edits and revocations of older ones. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.graph.simulator.options import ControlError
from common.graph.simulator.samples import KINDS, Scene, sample
from common.graph.simulator.state import Chat, ChatMessage, State
from common.graph.simulator.webhooks import Customer

#: Statuses of an outbound message in the only direction a chat shows them.
_ORDER = ("accepted", "sent", "delivered", "read", "played")
MOST_IN_A_BATCH = 1_000


def inbound_bubble(message: Mapping[str, Any], phone_id: str, at: float) -> ChatMessage:
    """The bubble of a message that a customer writes."""
    kind = str(message.get("type"))
    context = message.get("context")
    quoted = context.get("id") if isinstance(context, dict) else None
    body = message.get(kind)
    return ChatMessage(str(message["id"]), "in", kind, at, {} if body is None else body, "sending", phone_id, quoted)


def outbound_bubble(body: Mapping[str, Any], wamid: str, phone_id: str, at: float) -> ChatMessage:
    """The bubble of a message that the business sends."""
    kind = str(body.get("type", "text"))
    context = body.get("context")
    quoted = context.get("message_id") if isinstance(context, dict) else None
    return ChatMessage(wamid, "out", kind, at, body.get(kind), "accepted", phone_id, quoted)


def touched_by(state: State, message: ChatMessage) -> ChatMessage | None:
    """Apply a reaction, edit or revocation to the bubble it is about; that bubble, or None."""
    body = message.body if isinstance(message.body, dict) else {}
    target_id = body.get("message_id") or body.get("original_message_id")
    found = state.find_message(str(target_id)) if message.type in {"reaction", "edit", "revoke"} else None
    if found is None:
        return None
    target = found[1]
    if message.type == "reaction":
        emoji = str(body.get("emoji") or "")
        target.reactions.pop(message.dir, None)
        if emoji:
            target.reactions[message.dir] = emoji
    elif message.type == "revoke":
        target.revoked = True
    else:
        new = body.get("message")
        if isinstance(new, dict) and new.get("type") == target.type:
            target.body = new.get(target.type)
            target.edited = True
    return target


def advance(message: ChatMessage, state: str, error: str | None = None) -> bool:
    """Move the ticks of an outbound bubble up; False when they stand there or higher already."""
    if state == "failed":
        message.status, message.error = "failed", error
        return True
    if state not in _ORDER or message.status == "failed":
        return False
    if message.status in _ORDER and _ORDER.index(state) <= _ORDER.index(message.status):
        return False
    message.status = state
    return True


def messages_of(request: Mapping[str, Any], scene: Scene) -> list[dict[str, Any]]:
    """The raw messages that a POST /_sim/say asks for: `text`, `kind`, `message` or `messages`, `batch` times.

    Raises:
        ControlError: it says nothing, or something that is no message.
    """
    if "messages" in request:
        given = request["messages"]
    elif "message" in request:
        given = [request["message"]]
    elif "kind" in request:
        if request["kind"] not in KINDS:
            raise ControlError(f"kind must be one of {', '.join(KINDS)}")
        given = [sample(request["kind"], scene)]
    elif isinstance(request.get("text"), str):
        given = [{"type": "text", "text": {"body": request["text"]}}]
    else:
        raise ControlError("say needs text, kind, message or messages")
    batch = request.get("batch", 1)
    if not isinstance(batch, int) or not 1 <= batch <= MOST_IN_A_BATCH:
        raise ControlError(f"batch must be 1 to {MOST_IN_A_BATCH}")
    if not isinstance(given, list) or not given or not all(isinstance(m, dict) for m in given):
        raise ControlError("messages must be a list of objects")
    context = request.get("context")
    extra = {"context": {"from": scene.business, "id": context}} if isinstance(context, str) else {}
    return [{**message, **extra} for message in given * batch]


def scene_of(chat: Chat | None, customer: Customer, business: str, media: Mapping[str, Any]) -> Scene:
    """What sample messages of this chat may refer to; a text first, for only texts can be edited."""
    own, their = (chat.last("in", "text") or chat.last("in"), chat.last("out")) if chat else (None, None)
    return Scene(
        media=media,
        business=business,
        own_wamid=own.wamid if own else None,
        their_wamid=their.wamid if their else None,
        own_wa_id=customer.wa_id,
        user_id=customer.user_id,
    )
