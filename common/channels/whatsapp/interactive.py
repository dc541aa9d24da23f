"""Reply buttons and list menus, within the Cloud API's limits (2026-09). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.messages import OutboundPart

MAX_BUTTONS, MAX_ROWS = 3, 10


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to tap. `id` comes back in the customer's answer; `description` is shown in lists only."""

    id: str
    title: str
    description: str = ""


def reply_buttons(
    body: str, choices: Sequence[Choice], *, header: str = "", footer: str = "", needs_owner: str = "bot"
) -> OutboundPart:
    """One to three buttons under a text: body 1,024 characters, id 256, title 20, header and footer 60.

    Raises:
        ValueError: a limit is broken; the message says which.
    """
    _within("body", body, 1024)
    _check(choices, most=MAX_BUTTONS, id_limit=256, title_limit=20)
    buttons = [{"type": "reply", "reply": {"id": choice.id, "title": choice.title}} for choice in choices]
    return _interactive("button", body, {"buttons": buttons}, header, footer, choices, needs_owner)


def list_menu(
    body: str, button: str, choices: Sequence[Choice], *, header: str = "", footer: str = "", needs_owner: str = "bot"
) -> OutboundPart:
    """One to ten rows behind a button: body 4,096 characters, button 20, id 200, title 24, description 72.

    Raises:
        ValueError: a limit is broken; the message says which.
    """
    _within("body", body, 4096)
    _within("button", button, 20)
    _check(choices, most=MAX_ROWS, id_limit=200, title_limit=24)
    rows: list[dict[str, str]] = []
    for choice in choices:
        row = {"id": choice.id, "title": choice.title}
        if choice.description:
            _within("description", choice.description, 72)
            row["description"] = choice.description
        rows.append(row)
    action = {"button": button, "sections": [{"rows": rows}]}
    return _interactive("list", body, action, header, footer, choices, needs_owner)


def _interactive(
    kind: str, body: str, action: dict[str, Any], header: str, footer: str, choices: Sequence[Choice], needs_owner: str
) -> OutboundPart:
    interactive: dict[str, Any] = {"type": kind, "body": {"text": body}, "action": action}
    if header:
        _within("header", header, 60)
        interactive["header"] = {"type": "text", "text": header}
    if footer:
        _within("footer", footer, 60)
        interactive["footer"] = {"text": footer}
    readable = "\n".join([body, *(f"[{choice.title}]" for choice in choices)])
    return OutboundPart({"type": "interactive", "interactive": interactive}, readable, needs_owner)


def _check(choices: Sequence[Choice], *, most: int, id_limit: int, title_limit: int) -> None:
    if not 1 <= len(choices) <= most:
        raise ValueError(f"1 to {most} choices, not {len(choices)}")
    for choice in choices:
        _within("id", choice.id, id_limit)
        _within("title", choice.title, title_limit)
    for name, given in (("id", [c.id for c in choices]), ("title", [c.title for c in choices])):
        if len(set(given)) < len(given):
            raise ValueError(f"two choices have the same {name}")


def _within(name: str, value: str, limit: int) -> None:
    if not value.strip():
        raise ValueError(f"{name} is empty")
    if len(value) > limit:
        raise ValueError(f"{name} has {len(value)} characters, at most {limit} are allowed")
