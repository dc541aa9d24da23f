"""Webhook bytes to JSON that can be stored again: lone surrogates, huge numbers and deep nesting included."""

from __future__ import annotations

import json
from typing import NoReturn

import orjson

from common.errors import RelevoError
from common.messages import Json

#: orjson writes at most 254 levels; what wraps the body needs some of them.
MAX_DEPTH = 200
_BIG = 2**63


class NotJson(RelevoError):
    """The body is not JSON."""

    http_status = 400


def decode(raw: bytes) -> Json:
    """The value of `raw`, such that orjson can write it and every part of it.

    The quick reader refuses some JSON that Meta may send (lone surrogates); then the slow one reads it and what
    cannot be stored is replaced: surrogates by U+FFFD, numbers past 64 bits by their digits, levels past MAX_DEPTH
    by a note. Nesting that no reader can follow comes back as one string.

    Raises:
        NotJson: `raw` is no JSON in UTF-8.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return storable(_slowly(raw))
    # A body of few brackets cannot be deep; the others are asked for what counts: can they be written?
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        return _writable(value)
    return value


def storable(value: Json, depth: int = MAX_DEPTH) -> Json:  # noqa: PLR0911  one line a type
    """`value` with what orjson cannot write replaced."""
    if isinstance(value, str):
        return _clean(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if -_BIG <= value < _BIG else _digits(value)
    if depth <= 0:
        return "[nested too deep]"
    if isinstance(value, dict):
        return {_clean(str(key)): storable(inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [storable(inner, depth - 1) for inner in value]
    return _clean(repr(value))


def _writable(value: Json) -> Json:
    try:
        orjson.dumps(value)
    except TypeError:
        return storable(value)
    return value if _shallow(value) else storable(value)


def _shallow(value: Json) -> bool:
    """Whether orjson can still write `value` inside the few levels that storing it adds."""
    wrapped = value
    for _ in range(254 - MAX_DEPTH):
        wrapped = [wrapped]
    try:
        orjson.dumps(wrapped)
    except TypeError:
        return False
    return True


def _slowly(raw: bytes) -> Json:
    try:
        text = raw.decode("utf-8")
        return json.loads(text, parse_constant=_refuse, parse_int=_int)
    except RecursionError:
        return text[:65_536]
    except ValueError as error:
        raise NotJson from error


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _int(digits: str) -> int | str:
    return int(digits) if len(digits) < 19 else digits


def _digits(value: int) -> str:
    return str(value) if value.bit_length() < 4096 else "[number too long]"


def _clean(value: str) -> str:
    return value if value.isascii() else value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
