"""Hash fields as Redis returns them, as values: a missing or broken one is empty, never an error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import orjson

from common.messages import Json


def named(names: Sequence[str], values: Sequence[Any]) -> dict[str, str]:
    """The answer of an HMGET by its field names."""
    return {name: text(value) for name, value in zip(names, values, strict=True)}


def text(value: Any) -> str:
    """"" for None."""
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def number(value: object) -> float:
    """0 for what is no finite number."""
    try:
        found = float(str(value))
    except ValueError:
        return 0.0
    return found if math.isfinite(found) else 0.0


def whole(value: object) -> int:
    """0 for what is no number."""
    return int(number(value))


def json(value: str, default: Json) -> Json:
    """`default` for what is no JSON."""
    try:
        return orjson.loads(value) if value else default
    except orjson.JSONDecodeError:
        return default
