"""JSON and text answers."""

from __future__ import annotations

import orjson
from flask import Response

from common.messages import Json

#: Stand on every answer.
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
#: For every answer that does not say otherwise.
CACHE_CONTROL = "no-store"


def json_reply(value: Json, status: int = 200) -> Response:
    """`value` as JSON."""
    return Response(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS), status, content_type="application/json")


def text_reply(value: str, content_type: str = "text/plain; charset=utf-8") -> Response:
    """`value` as it is."""
    return Response(value, 200, content_type=content_type)
