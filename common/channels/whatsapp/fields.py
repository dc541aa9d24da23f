"""Tolerant readers of webhook JSON: a value of the wrong shape reads as absent, never as an error."""

from __future__ import annotations

import math
import re

from common.messages import Json, JsonObject

#: Longest identifier taken for one. Real wamids have at most about 130 characters, BSUIDs 135.
MAX_ID = 512
#: Longest readable text kept apart from the raw item, in characters (WhatsApp's own limit is 4,096).
MAX_TEXT = 65_536
MAX_NAME = 256

_EMPTY: JsonObject = {}
_BSUID = re.compile(r"[A-Za-z]{2,8}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
_PHONE_TRIM = str.maketrans("", "", "+ ()-")


def obj(value: Json) -> JsonObject:
    """`value` when it is an object, else an empty one (never to be written to)."""
    return value if isinstance(value, dict) else _EMPTY


def array(value: Json) -> list[Json]:
    """`value` when it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Json, limit: int = MAX_TEXT) -> str | None:
    """A string that says something, cut at `limit` characters; blank is None."""
    if isinstance(value, str) and value and not value.isspace():
        return value if len(value) <= limit else value[:limit]
    return None


def identifier(value: Json) -> str | None:
    """A string usable as an identifier: not blank, at most MAX_ID characters. Never cut, for a cut id is another id."""
    if isinstance(value, str) and 0 < len(value) <= MAX_ID:
        return value.strip() or None
    return None


def number_text(value: Json) -> str | None:
    """A JSON number, or a short string of one, as written."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return str(value) if isinstance(value, float) or abs(value) < 10**18 else None
    return text(value, 32)


def integer(value: Json) -> int | None:
    """An int, or a string of digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < 2**53 else None
    if isinstance(value, str) and len(value) <= 16 and value.isascii() and value.isdigit():
        return int(value)
    return None


def moment(value: Json, received: float) -> float:
    """Unix seconds from a Meta timestamp (string or number), never after `received`; nonsense reads as `received`."""
    if isinstance(value, str):
        if len(value) > 32:
            return received
        try:
            value = float(value)
        except ValueError:
            return received
    if isinstance(value, bool) or not isinstance(value, int | float):
        return received
    if isinstance(value, float) and not math.isfinite(value):
        return received
    return float(value) if 0 < value <= received else received


def identity(phone: Json, user: Json) -> tuple[str | None, str | None]:
    """`(wa_id, user_id)` of a person as two fields name them.

    Meta puts a business-scoped user id into a phone field for people who hide their number: it belongs in `user_id`.
    """
    wa_id, user_id = identifier(phone), identifier(user)
    if wa_id is None:
        return None, user_id
    if wa_id == user_id:
        return None, user_id
    if _BSUID.fullmatch(wa_id):
        return None, user_id or wa_id
    digits = wa_id.translate(_PHONE_TRIM)
    return (digits if digits.isascii() and digits.isdigit() else wa_id), user_id
