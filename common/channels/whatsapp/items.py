"""One element of a webhook value: a message, an echo, a status, or something else."""

from __future__ import annotations

import re
from typing import NamedTuple

import orjson

from common.channels.whatsapp.body import storable
from common.channels.whatsapp.contacts import FROM, SELF, TO, ContactBook
from common.channels.whatsapp.content import KNOWN_KINDS, media_of, readable
from common.channels.whatsapp.fields import array, identifier, integer, moment, obj, text
from common.messages import Echo, InboundMessage, Json, JsonObject, OtherUpdate, StatusUpdate, digest

_FIELD = re.compile(r"[a-z][a-z0-9_]{0,63}")
#: They tell something about a conversation, they are not a customer's message in it.
_NO_WINDOW = frozenset({"reaction", "system", "edit", "revoke"})
_UNREADABLE = frozenset({"unsupported", "unknown"})


class Place(NamedTuple):
    """Where in a webhook body an item stood."""

    field: str
    number: str | None = None
    waba: str | None = None


def message(item: JsonObject, place: Place, book: ContactBook, received: float) -> InboundMessage | OtherUpdate:
    """One element of `messages[]`.

    Without a usable id, a person or a number to answer from it cannot be a message: `stray_message`.
    """
    wamid = identifier(item.get("id"))
    sender = book.complete(item, FROM)
    if sender is None and item.get("type") == "system":
        sender = book.complete(obj(item.get("system")), SELF)
    if wamid is None or sender is None or place.number is None:
        return other("stray_message", place, item)
    kind = item.get("type")
    if not isinstance(kind, str) or kind not in KNOWN_KINDS:
        kind = "unknown"
    words = readable(kind, item)
    return InboundMessage(
        wamid=wamid,
        phone_number_id=place.number,
        kind="audio" if kind == "voice" else kind,  # the older name of a voice note
        sent_at=moment(item.get("timestamp"), received),
        sender=sender,
        text=words,
        media=media_of(kind, item),
        refers_to=_refers_to(kind, item),
        group_id=identifier(item.get("group_id")),
        opens_window=kind not in _NO_WINDOW and (kind not in _UNREADABLE or words is not None),
        raw=item,
    )


def echo(item: JsonObject, place: Place, book: ContactBook, received: float) -> Echo | OtherUpdate:
    """One element of `message_echoes[]`."""
    wamid = identifier(item.get("id"))
    recipient = book.complete(item, TO)
    if wamid is None or recipient is None or place.number is None:
        return other("stray_echo", place, item)
    kind = item.get("type")
    if not isinstance(kind, str) or kind not in KNOWN_KINDS:
        kind = "unknown"
    return Echo(
        wamid=wamid,
        phone_number_id=place.number,
        kind="audio" if kind == "voice" else kind,
        sent_at=moment(item.get("timestamp"), received),
        recipient=recipient,
        text=readable(kind, item),
        raw=item,
    )


def status(item: JsonObject, place: Place, received: float) -> StatusUpdate | OtherUpdate:
    """One element of `statuses[]`. States that Meta may add later are kept as they are."""
    wamid, state = identifier(item.get("id")), text(item.get("status"), 64)
    if wamid is None or state is None:
        return other("stray_status", place, item)
    pricing = obj(item.get("pricing"))
    billable = pricing.get("billable")
    errors = array(item.get("errors"))
    error = obj(errors[0]) if errors else {}
    data = error.get("error_data")
    details = obj(data).get("details") if isinstance(data, dict) else data or error.get("details")
    return StatusUpdate(
        wamid=wamid,
        phone_number_id=place.number or "",
        state=state,
        at=moment(item.get("timestamp"), received),
        opaque=text(item.get("biz_opaque_callback_data"), 512),
        error_code=integer(error.get("code")),
        error_title=text(error.get("title"), 512) or text(error.get("message"), 512),
        error_details=text(details, 2048),
        pricing_category=text(pricing.get("category"), 64),
        pricing_type=text(pricing.get("type"), 64),
        billable=billable if isinstance(billable, bool) else None,
        raw=item,
    )


def other(kind: str, place: Place, item: Json) -> OtherUpdate:
    """Anything else. `raw` is `{waba, field, item}`; the digest is over it, the number and the kind."""
    raw = {"waba": place.waba, "field": place.field, "item": item}
    return OtherUpdate(kind, place.number, digest(kind, place.number or "", canonical(raw)), raw)


def kind_of_field(field: Json) -> str:
    """The name of a webhook field when it is like one, else `unknown_field`: it becomes a label of counts."""
    return field if isinstance(field, str) and _FIELD.fullmatch(field) else "unknown_field"


def canonical(value: Json) -> str:
    """JSON of `value` with sorted keys; of what can be stored of it, when JSON cannot say it all."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:
        return orjson.dumps(storable(value), option=orjson.OPT_SORT_KEYS).decode()


def _refers_to(kind: str, item: JsonObject) -> str | None:
    if kind == "reaction":
        return identifier(obj(item.get("reaction")).get("message_id"))
    if kind in ("edit", "revoke"):
        return identifier(obj(item.get(kind)).get("original_message_id"))
    return identifier(obj(item.get("context")).get("id"))
