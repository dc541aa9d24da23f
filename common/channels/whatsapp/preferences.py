"""A customer's word on marketing messages, as WhatsApp itself reports it.

Source: Cloud API webhook field `user_preferences` (2026-09): `value` is stop or resume, `timestamp` a number.
"""

from __future__ import annotations

from dataclasses import dataclass

from common.channels.whatsapp.contacts import SELF
from common.channels.whatsapp.fields import identifier, identity, moment, obj
from common.messages import Json, OtherUpdate, Sender

#: Kind of the updates that may hold one.
KIND = "user_preferences"
_CATEGORY = "marketing_messages"


@dataclass(frozen=True, slots=True)
class Preference:
    """`stop`: no more marketing templates; else they may come again. `at` is when it was said (unix s)."""

    person: Sender
    stop: bool
    at: float


def preference_of(update: OtherUpdate, *, received: float) -> Preference | None:
    """What `update` says about marketing; None when it says nothing that can be used.

    Args:
        update: as `payload.parse` made it.
        received: when the POST came, unix seconds.
    """
    item = _item(update)
    phone, user, parent = SELF
    wa_id, user_id = identity(item.get(phone), item.get(user))
    if item.get("category") != _CATEGORY or item.get("value") not in ("stop", "resume") or not (wa_id or user_id):
        return None
    person = Sender(wa_id, user_id, identifier(item.get(parent)))
    return Preference(person, item["value"] == "stop", moment(item.get("timestamp"), received))


def _item(update: OtherUpdate) -> dict[str, Json]:
    return obj(obj(update.raw).get("item")) if update.kind == KIND and update.phone_number_id else {}
