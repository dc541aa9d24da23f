"""Values for tests, with everything that does not matter filled in."""

from __future__ import annotations

import itertools
from typing import Any

from common.messages import Echo, InboundMessage, Sender, StatusUpdate
from common.settings import Settings

PHONE_ID = "106540352242922"
NOW = 1_800_000_000.0
_serial = itertools.count(1)


def make_settings(**changes: Any) -> Settings:
    """Settings of a keyless run."""
    base: dict[str, Any] = {
        "whatsapp_phone_id": PHONE_ID,
        "whatsapp_access_token": "test-token",
        "whatsapp_app_secret": "test-secret",
        "whatsapp_verify_token": "test-verify",
        "encryption_key": "test-key",
        "quiet_seconds": 0,
        "typing_indicator": False,
    }
    return Settings(**(base | changes))


def make_inbound(text: str | None = "Hola", **changes: Any) -> InboundMessage:
    """A text of one customer, now."""
    n = next(_serial)
    kind = changes.get("kind", "text")
    wamid = changes.pop("wamid", f"wamid.test{n:08d}==")
    phone = changes.pop("wa_id", "573001234567")
    base: dict[str, Any] = {
        "wamid": wamid,
        "phone_number_id": PHONE_ID,
        "kind": kind,
        "sent_at": NOW,
        "sender": Sender(wa_id=phone, name="Ana María Ruiz"),
        "text": text,
        "raw": {"id": wamid, "type": kind, "text": {"body": text}},
    }
    return InboundMessage(**(base | changes))


def make_status(mid: str, state: str, **changes: Any) -> StatusUpdate:
    """A status webhook of outbound message `mid`."""
    base: dict[str, Any] = {
        "wamid": f"wamid.out.{mid}",
        "phone_number_id": PHONE_ID,
        "state": state,
        "at": NOW,
        "opaque": f"default:{mid}",
    }
    return StatusUpdate(**(base | changes))


def make_echo(text: str = "Le respondo yo", **changes: Any) -> Echo:
    """A message written in the WhatsApp Business app."""
    base: dict[str, Any] = {
        "wamid": f"wamid.echo{next(_serial)}",
        "phone_number_id": PHONE_ID,
        "kind": "text",
        "sent_at": NOW,
        "recipient": Sender(wa_id="573001234567"),
        "text": text,
        "raw": {},
    }
    return Echo(**(base | changes))
