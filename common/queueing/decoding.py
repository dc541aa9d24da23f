"""What stands in a job's hash and stream, read without trust: nothing is unpickled, nothing raises."""

from __future__ import annotations

import zlib
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

LARGEST = 1 << 20  # bytes of unpacked data or traceback that are shown


def result(plain: bytes | None, stream: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> Any:
    """Ours stands in the hash; a stock worker's is the last entry of the stream."""
    packed = stream[-1][1].get(b"return_value") if stream else None
    try:
        return orjson.loads(plain or b64decode(packed or b"") or b"null")
    except ValueError:
        return None


def kwargs(data: bytes) -> Mapping[str, Any]:
    """A job's keyword arguments; `{}` when its data is not JSON: nothing is ever unpickled."""
    try:
        call = orjson.loads(data if data[:1] == b"[" else unzip(data))
        return call[3] if isinstance(call[3], dict) else {}
    except (ValueError, IndexError, KeyError, TypeError):
        return {}


def unzip(packed: bytes) -> bytes:
    """At most LARGEST bytes of what was packed; nothing when it was not."""
    try:
        return zlib.decompressobj().decompress(packed, LARGEST)
    except zlib.error:
        return b""


def epoch(value: bytes | None) -> float | None:
    """Unix seconds of an ISO time; None when it is none."""
    try:
        return datetime.fromisoformat(value.decode()).timestamp() if value else None
    except ValueError:
        return None


def text(value: bytes | None) -> str:
    """As text, '' for nothing."""
    return value.decode(errors="replace") if value else ""
