"""What Meta accepts as a body of POST /{phone_number_id}/messages. Pure.

Limits: Meta, the pages of each message type (2025-12). Wrong envelopes are code 100, missing parts of a message
131008, wrong parts 131009; `error_data.details` names the parameter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from common.graph.simulator.failures import GraphFailure
from common.graph.simulator.interactive import check_interactive, require, text_within

OPAQUE_LENGTH = 512
TEXT_LENGTH = 4096
CAPTION_LENGTH = 1024
BSUID = re.compile(r"[A-Z]{2}(\.ENT)?\.[A-Za-z0-9]{1,128}")
_PHONE = re.compile(r"\+?[0-9 ().-]{5,30}")
_MEDIA = ("image", "video", "audio", "document", "sticker")


def check_message(body: Mapping[str, Any]) -> None:
    """Refuse what Meta refuses in a message; the recipient has been checked before.

    Raises:
        GraphFailure: 100, 131008 or 131009, as Meta answers.
    """
    kind = body.get("type", "text")
    check = _CHECKS.get(kind) if isinstance(kind, str) else None
    if check is None:
        known = ", ".join(f'"{name}"' for name in _CHECKS)
        raise GraphFailure(100, message=f"(#100) Param type must be one of {{{known}}} - got {str(kind)[:40]!r}.")
    _check_envelope(body)
    part = body.get(kind)
    if kind == "contacts":
        _check_contacts(part)
    elif not isinstance(part, dict):
        raise GraphFailure(100, f"Parameter {kind} is required.", message=f"(#100) The parameter {kind} is required.")
    else:
        check(part)


def check_product(body: object) -> dict[str, Any]:
    """The body as an object that says it is WhatsApp's.

    Raises:
        GraphFailure: 100.
    """
    if not isinstance(body, dict):
        raise GraphFailure(100, "The body must be a JSON object.")
    if body.get("messaging_product") != "whatsapp":
        raise GraphFailure(100, message="(#100) The parameter messaging_product is required.")
    return body


def recipient(body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """(phone as digits, BSUID): exactly one is set; `to` wins when both are given.

    Raises:
        GraphFailure: neither is given, or it is malformed.
    """
    to, user_id = body.get("to"), body.get("recipient")
    if to:
        if not isinstance(to, str) or not _PHONE.fullmatch(to):
            raise GraphFailure(100, "Param to is not a valid phone number.")
        return re.sub(r"\D", "", to), None
    if user_id:
        if not isinstance(user_id, str) or not BSUID.fullmatch(user_id):
            raise GraphFailure(100, "Param recipient is not a valid business-scoped user id.")
        return None, user_id
    raise GraphFailure(100, message="(#100) The parameter to is required.")


def _check_envelope(body: Mapping[str, Any]) -> None:
    if body.get("recipient_type", "individual") not in {"individual", "group"}:
        raise GraphFailure(100, 'recipient_type must be "individual" or "group".')
    opaque = body.get("biz_opaque_callback_data")
    if opaque is not None and (not isinstance(opaque, str) or len(opaque) > OPAQUE_LENGTH):
        raise GraphFailure(100, f"Param biz_opaque_callback_data must be text of at most {OPAQUE_LENGTH} characters.")
    context = body.get("context")
    if context is None:
        return
    if not isinstance(context, dict) or not isinstance(context.get("message_id"), str) or not context["message_id"]:
        raise GraphFailure(131009, "context.message_id must be the id of a message.")
    if body.get("type") == "reaction":
        raise GraphFailure(131009, "A reaction cannot be a contextual reply.")


def _check_text(part: dict[str, Any]) -> None:
    body = part.get("body")
    if not isinstance(body, str) or not body.strip():
        raise GraphFailure(100, message="(#100) The parameter text['body'] is required.")
    if len(body) > TEXT_LENGTH:
        raise GraphFailure(100, message=f"(#100) Param text['body'] must be at most {TEXT_LENGTH} characters long.")
    if not isinstance(part.get("preview_url", False), bool):
        raise GraphFailure(100, message="(#100) Param text['preview_url'] must be a boolean.")


def _media_check(kind: str) -> Callable[[dict[str, Any]], None]:
    def check(part: dict[str, Any]) -> None:
        media_id, link = part.get("id"), part.get("link")
        if bool(media_id) == bool(link):
            raise GraphFailure(100, f"Exactly one of {kind}.id and {kind}.link is required.")
        if link and (not isinstance(link, str) or not re.match(r"https?://[^\s/]+", link)):
            raise GraphFailure(100, message=f"(#100) Param {kind}['link'] is not a valid URL.")
        if media_id and not (isinstance(media_id, str) and media_id.isdigit()):
            raise GraphFailure(100, message=f"(#100) Param {kind}['id'] is not a valid media id.")
        if "caption" in part:
            if kind in {"audio", "sticker"}:
                raise GraphFailure(100, f"Unexpected key caption on param {kind}.")
            text_within(part, "caption", CAPTION_LENGTH, where=f"{kind}.caption")

    return check


def _check_location(part: dict[str, Any]) -> None:
    for name, most in (("latitude", 90.0), ("longitude", 180.0)):
        try:
            value = float(require(part, name, "location"))
        except (TypeError, ValueError):
            raise GraphFailure(131009, f"location.{name} must be a number.") from None
        if not -most <= value <= most:
            raise GraphFailure(131009, f"location.{name} is out of range.")


def _check_contacts(part: object) -> None:
    if not isinstance(part, list) or not part:
        raise GraphFailure(131008, "contacts must be a list with at least one contact.")
    for contact in part:
        name = contact.get("name") if isinstance(contact, dict) else None
        if not isinstance(name, dict) or not name.get("formatted_name"):
            raise GraphFailure(131008, "contacts[].name.formatted_name is required.")


def _check_reaction(part: dict[str, Any]) -> None:
    require(part, "message_id", "reaction")
    emoji = part.get("emoji")
    if not isinstance(emoji, str) or len(emoji) > 16:
        raise GraphFailure(131009, 'reaction.emoji must be one emoji, or "" to remove it.')


def _check_template(part: dict[str, Any]) -> None:
    require(part, "name", "template")
    language = require(part, "language", "template")
    if not isinstance(language, dict) or not language.get("code"):
        raise GraphFailure(131008, "template.language.code is required.")
    if not isinstance(part.get("components", []), list):
        raise GraphFailure(131009, "template.components must be a list.")


_CHECKS: Mapping[str, Callable[[dict[str, Any]], None]] = {
    "text": _check_text,
    **{kind: _media_check(kind) for kind in _MEDIA},
    "location": _check_location,
    "contacts": lambda _part: None,
    "interactive": check_interactive,
    "reaction": _check_reaction,
    "template": _check_template,
}
