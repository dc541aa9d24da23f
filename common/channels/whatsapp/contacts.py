"""Who wrote: `contacts[]` of a webhook value matched to its messages."""

from __future__ import annotations

from collections.abc import Sequence

from common.channels.whatsapp.fields import MAX_NAME, array, identifier, identity, obj, text
from common.messages import Json, JsonObject, Sender

#: Where a message, an echo and a system note name the person: phone, user id, parent user id.
FROM = ("from", "from_user_id", "from_parent_user_id")
TO = ("to", "to_user_id", "to_parent_user_id")
SELF = ("wa_id", "user_id", "parent_user_id")


class ContactBook:
    """The contacts of one webhook value.

    Args:
        contacts: `value.contacts`, of any shape.
        alone: the value has one item only, so that a single contact must be its person.
    """

    __slots__ = ("_alone", "_by_id", "_known")

    def __init__(self, contacts: Json, *, alone: bool) -> None:
        self._known = [_contact(entry) for entry in array(contacts) if isinstance(entry, dict)]
        self._by_id = {key: known for known in self._known for key in (known.wa_id, known.user_id) if key}
        self._alone = alone

    def complete(self, item: JsonObject, keys: Sequence[str] = FROM) -> Sender | None:
        """The person that `item` names, with what the contacts add; None when nobody is named anywhere."""
        phone, user, parent = keys
        wa_id, user_id = identity(item.get(phone), item.get(user))
        known = self._find(wa_id, user_id)
        if known is None:
            if not (wa_id or user_id):
                return None
            return Sender(wa_id, user_id, identifier(item.get(parent)))
        sender = Sender(
            wa_id or known.wa_id,
            user_id or known.user_id,
            identifier(item.get(parent)) or known.parent_user_id,
            known.name,
            known.username,
        )
        return sender if sender.wa_id or sender.user_id else None

    def _find(self, wa_id: str | None, user_id: str | None) -> Sender | None:
        known = self._by_id.get(user_id or "") or self._by_id.get(wa_id or "")
        if known is not None or len(self._known) != 1:
            return known
        sole = self._known[0]
        differs = (wa_id and sole.wa_id and wa_id != sole.wa_id) or (
            user_id and sole.user_id and user_id != sole.user_id
        )
        if not differs:
            return sole
        # Another id, but nobody else it could be: the name is theirs, the ids must not be tied together.
        return Sender(name=sole.name, username=sole.username) if self._alone else None


def _contact(entry: JsonObject) -> Sender:
    profile = obj(entry.get("profile"))
    wa_id, user_id = identity(entry.get("wa_id"), entry.get("user_id"))
    username = text(profile.get("username"), MAX_NAME)
    return Sender(
        wa_id,
        user_id,
        identifier(entry.get("parent_user_id")),
        text(profile.get("name"), MAX_NAME),
        username.lstrip("@") or None if username else None,
    )
