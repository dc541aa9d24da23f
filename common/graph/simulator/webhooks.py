"""Webhook bodies as Meta writes and signs them. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OBJECT = "whatsapp_business_account"
USER_AGENT = "facebookexternalua"
#: System messages say who changed in their own object and come without contacts.
_NO_CONTACTS = frozenset({"system"})


@dataclass(frozen=True, slots=True)
class Customer:
    """Someone who writes to the business. Without `wa_id` only the business-scoped `user_id` is known."""

    name: str
    wa_id: str | None
    user_id: str
    username: str | None = None

    @property
    def key(self) -> str:
        """What the control API calls this person: the wa_id, else the user id."""
        return self.wa_id or self.user_id


def encode(body: object) -> bytes:
    """JSON as on Meta's wire: ASCII only, every slash escaped."""
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def signed_headers(body: bytes, app_secret: str) -> dict[str, str]:
    """The headers of a webhook POST."""
    secret = app_secret.encode()
    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "X-Hub-Signature": "sha1=" + hmac.new(secret, body, hashlib.sha1).hexdigest(),
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
    }


def envelope(waba_id: str, changes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One POST body with these changes, in one entry."""
    return {"object": OBJECT, "entry": [{"id": waba_id, "changes": list(changes)}]}


def messages_change(phone_id: str, display: str, **parts: Any) -> dict[str, Any]:
    """A change of field `messages`; parts are contacts, messages, statuses or errors."""
    metadata = {"display_phone_number": display, "phone_number_id": phone_id}
    return {"value": {"messaging_product": "whatsapp", "metadata": metadata, **parts}, "field": "messages"}


def contact_of(customer: Customer, *, profile: bool = True, user_id: bool = True) -> dict[str, Any]:
    """An element of `contacts[]`."""
    contact: dict[str, Any] = {}
    if profile:
        contact["profile"] = {"name": customer.name} | ({"username": customer.username} if customer.username else {})
    if customer.wa_id:
        contact["wa_id"] = customer.wa_id
    if user_id or not customer.wa_id:
        contact["user_id"] = customer.user_id
    return contact


def inbound_message(customer: Customer, message: Mapping[str, Any], *, wamid: str, at: float) -> dict[str, Any]:
    """An element of `messages[]`: the type and its object as given, with sender, id and time where they are missing."""
    sender: dict[str, Any] = {"from": customer.wa_id} if customer.wa_id else {}
    base = sender | {"from_user_id": customer.user_id, "id": wamid, "timestamp": str(int(at))}
    return {**base, **message}


def inbound_change(
    phone_id: str, display: str, customer: Customer, messages: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A change that carries messages of one customer."""
    if all(message.get("type") in _NO_CONTACTS for message in messages):
        return messages_change(phone_id, display, messages=list(messages))
    return messages_change(phone_id, display, contacts=[contact_of(customer)], messages=list(messages))
