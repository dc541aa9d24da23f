"""What Meta accepts as an interactive message. Pure. Limits: Meta, pages of each interactive type (2025-12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from common.graph.simulator.failures import GraphFailure


def require(part: Mapping[str, Any], name: str, where: str) -> Any:
    """`part[name]`, which must be there and not empty."""
    value = part.get(name)
    if value in (None, "", [], {}):
        raise GraphFailure(131008, f"{where}.{name} is required.")
    return value


def text_within(part: Mapping[str, Any], name: str, most: int, *, where: str) -> str:
    """`part[name]` as text of 1 to `most` characters."""
    value = part.get(name)
    if value in (None, ""):
        raise GraphFailure(131008, f"{where} is required.")
    if not isinstance(value, str) or len(value) > most:
        raise GraphFailure(131009, f"{where} length invalid. Min length: 1, Max length: {most}")
    return value


def check_interactive(part: dict[str, Any]) -> None:
    """Refuse what Meta refuses.

    Raises:
        GraphFailure: 131008 or 131009.
    """
    kind = require(part, "type", "interactive")
    check = _KINDS.get(kind) if isinstance(kind, str) else None
    if check is None:
        raise GraphFailure(131009, f"interactive.type must be one of {', '.join(_KINDS)}.")
    body = part.get("body")
    if kind != "product":
        text_within(body if isinstance(body, dict) else {}, "text", 4096 if kind == "list" else 1024, where="Body text")
    footer = part.get("footer")
    if footer is not None:
        text_within(footer if isinstance(footer, dict) else {}, "text", 60, where="Footer text")
    _check_header(part.get("header"), kind)
    action = require(part, "action", "interactive")
    if not isinstance(action, dict):
        raise GraphFailure(131009, "interactive.action must be an object.")
    check(action)


def _check_header(header: object, kind: str) -> None:
    if header is None:
        return
    if not isinstance(header, dict) or header.get("type") not in {"text", "image", "video", "document"}:
        raise GraphFailure(131009, "interactive.header.type must be text, image, video or document.")
    if header["type"] == "text":
        text_within(header, "text", 60, where="Header text")
    elif kind == "list":
        raise GraphFailure(131009, "A list message can have a text header only.")
    elif not isinstance(header.get(header["type"]), dict):
        raise GraphFailure(131008, f"interactive.header.{header['type']} is required.")


def _check_buttons(action: dict[str, Any]) -> None:
    buttons = require(action, "buttons", "interactive.action")
    if not isinstance(buttons, list) or len(buttons) > 3:
        raise GraphFailure(131009, "Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3")
    replies = [b.get("reply") if isinstance(b, dict) and b.get("type") == "reply" else None for b in buttons]
    for reply in replies:
        if not isinstance(reply, dict):
            raise GraphFailure(131009, 'Each button must be of type "reply" and have a reply.')
        text_within(reply, "id", 256, where="Button id")
        text_within(reply, "title", 20, where="Button title")
    _unique([r["title"] for r in replies if r], "Button title")
    _unique([r["id"] for r in replies if r], "Button id")


def _check_list(action: dict[str, Any]) -> None:
    text_within(action, "button", 20, where="Button label")
    sections = require(action, "sections", "interactive.action")
    if not isinstance(sections, list) or len(sections) > 10 or not all(isinstance(s, dict) for s in sections):
        raise GraphFailure(131009, "Invalid sections count. Min allowed sections: 1, Max allowed sections: 10")
    rows: list[dict[str, Any]] = []
    for section in sections:
        if len(sections) > 1 or "title" in section:
            text_within(section, "title", 24, where="Section title")
        found = require(section, "rows", "interactive.action.sections[]")
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise GraphFailure(131009, "interactive.action.sections[].rows must be a list of rows.")
        rows += found
    if len(rows) > 10:
        raise GraphFailure(131009, f"Total row count exceed max allowed count: 10. Actual: {len(rows)}")
    for row in rows:
        text_within(row, "id", 200, where="Row id")
        text_within(row, "title", 24, where="Row title")
        if "description" in row:
            text_within(row, "description", 72, where="Row description")
    _unique([row["id"] for row in rows], "Row id")


def _check_cta(action: dict[str, Any]) -> None:
    parameters = require(action, "parameters", "interactive.action")
    if not isinstance(parameters, dict):
        raise GraphFailure(131009, "interactive.action.parameters must be an object.")
    text_within(parameters, "display_text", 20, where="Button label")
    url = require(parameters, "url", "interactive.action.parameters")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise GraphFailure(131009, "interactive.action.parameters.url is not a valid URL.")


def _check_named(action: dict[str, Any]) -> None:
    require(action, "name", "interactive.action")


def _check_any(action: dict[str, Any]) -> None:
    """Catalogue messages: a catalogue cannot be checked here."""


def _unique(values: list[str], what: str) -> None:
    if len(set(values)) != len(values):
        raise GraphFailure(131009, f"Duplicated values are not allowed: {what}.")


_KINDS: Mapping[str, Callable[[dict[str, Any]], None]] = {
    "button": _check_buttons,
    "list": _check_list,
    "cta_url": _check_cta,
    "flow": _check_named,
    "location_request_message": _check_named,
    "address_message": _check_named,
    "call_permission_request": _check_named,
    "request_contact_info": _check_named,
    "product": _check_any,
    "product_list": _check_any,
    "catalog_message": _check_any,
}
