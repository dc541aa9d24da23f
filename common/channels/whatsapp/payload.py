"""A webhook body of the Cloud API, split into its updates: every entry, change, message, status, echo and error.

Source: Meta, "Webhooks" and "Messages webhooks reference" of the WhatsApp Business Platform (2026-09).
"""

from __future__ import annotations

from collections.abc import Callable

from common.channels.whatsapp.contacts import ContactBook
from common.channels.whatsapp.fields import array, identifier, obj
from common.channels.whatsapp.items import Place, echo, kind_of_field, message, other, status
from common.messages import Json, JsonObject, Update

_OBJECT = "whatsapp_business_account"
_ECHO_FIELDS = ("smb_message_echoes", "message_echoes")
#: Parts of a value that describe the others and are no updates themselves.
_FRAME = frozenset({"messaging_product", "metadata", "contacts"})


def parse(body: Json, *, received: float) -> list[Update]:
    """Every update of `body`, in its order.

    Never raises, whatever `body` is. Nothing is left out: an item that cannot be read becomes an `OtherUpdate` of kind
    `malformed` and its siblings are kept; a change without any item becomes one of kind `empty`.

    Args:
        body: decoded JSON, see `common.channels.whatsapp.body.decode`.
        received: when the POST came, unix seconds; stands in for timestamps that are missing, wrong or in the future.
    """
    if not isinstance(body, dict):
        return [other("malformed", Place("body"), body)]
    if body.get("object", _OBJECT) != _OBJECT:
        return [other("foreign_object", Place("body"), body)]
    entries = body.get("entry")
    if not isinstance(entries, list):
        return [other("malformed", Place("body"), body)]
    found: list[Update] = []
    for entry in entries:
        changes = entry.get("changes") if isinstance(entry, dict) else None
        if not isinstance(changes, list):
            found.append(other("malformed", Place("entry"), entry))
            continue
        waba = identifier(entry.get("id"))
        for change in changes:
            _change(change, waba, received, found)
    return found or [other("empty", Place("body"), body)]


def _change(change: Json, waba: str | None, received: float, found: list[Update]) -> None:
    if not isinstance(change, dict):
        found.append(other("malformed", Place("change", None, waba), change))
        return
    value = change.get("value")
    field = change.get("field")
    if field is None and isinstance(value, dict) and not _FRAME.isdisjoint(value):
        field = "messages"
    if not isinstance(value, dict):
        found.append(other(kind_of_field(field), Place(kind_of_field(field), None, waba), value))
        return
    place = Place(kind_of_field(field), identifier(obj(value.get("metadata")).get("phone_number_id")), waba)
    if field == "messages":
        _messages(value, place, received, found)
    elif field in _ECHO_FIELDS:
        _echoes(value, place, received, found)
    elif field == "user_preferences" and isinstance(value.get("user_preferences"), list):
        found.extend(other("user_preferences", place, item) for item in value["user_preferences"])
    else:
        found.append(other(place.field, place, value))


def _messages(value: JsonObject, place: Place, received: float, found: list[Update]) -> None:
    before = len(found)
    messages = value.get("messages")
    book = ContactBook(value.get("contacts"), alone=isinstance(messages, list) and len(messages) == 1)
    _each(messages, lambda item: message(item, place, book, received), place, found)
    _each(value.get("statuses"), lambda item: status(item, place, received), place, found)
    for name in value.keys() - _FRAME - {"messages", "statuses"}:  # errors, user_actions, and what will come
        items = value[name] if isinstance(value[name], list) else [value[name]]
        found.extend(other(kind_of_field(name), place, item) for item in items)
    if len(found) == before:
        found.append(other("empty", place, value))


def _echoes(value: JsonObject, place: Place, received: float, found: list[Update]) -> None:
    before = len(found)
    echoes = value.get("message_echoes")
    book = ContactBook(value.get("contacts"), alone=len(array(echoes)) == 1)
    _each(echoes, lambda item: echo(item, place, book, received), place, found)
    if len(found) == before:
        found.append(other(place.field, place, value))


def _each(items: Json, read: Callable[[JsonObject], Update], place: Place, found: list[Update]) -> None:
    if items is None:
        return
    for item in items if isinstance(items, list) else [items]:
        if not isinstance(item, dict):
            found.append(other("malformed", place, item))
            continue
        try:
            found.append(read(item))
        except Exception:  # noqa: BLE001  one bad item never loses its siblings, whatever is wrong with it
            found.append(other("malformed", place, item))
