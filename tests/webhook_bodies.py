"""The webhook bodies of tests/webhooks, and builders of new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "webhooks"
FILES = sorted(FOLDER.glob("*.json"))
NUMBER = "106540352242922"


def read(name: str) -> bytes:
    """The bytes of a body, by its file name without `.json`."""
    return (FOLDER / f"{name}.json").read_bytes()


def value_of(**parts: Any) -> dict[str, Any]:
    """A `messages` value of our number."""
    return {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": NUMBER},
        **parts,
    }


def body_of(*values: dict[str, Any], field: str = "messages") -> dict[str, Any]:
    """A body with one change per value."""
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "102290129340398", "changes": [{"field": field, "value": value} for value in values]}],
    }


def text_message(wamid: str, words: str = "Hola", **parts: Any) -> dict[str, Any]:
    return {
        "from": "16505551234", "id": wamid, "timestamp": "1750000000", "type": "text", "text": {"body": words}, **parts,
    }  # fmt: skip


def message_of(kind: str, content: Any = None, **parts: Any) -> dict[str, Any]:
    """A message of any type; `content` stands under its type's name."""
    item = {"from": "16505551234", "id": "wamid.X", "timestamp": "1750000000", "type": kind, **parts}
    return item if content is None else item | {kind: content}


def status_of(wamid: str, state: str = "delivered", **parts: Any) -> dict[str, Any]:
    return {"id": wamid, "status": state, "timestamp": "1750000001", "recipient_id": "16505551234", **parts}
