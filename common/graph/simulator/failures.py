"""Graph's error answers: `GraphFailure`, and what Meta puts into its body.

Titles and HTTP statuses: Meta, "Cloud API error codes"; the status column as it stood until 2025-12.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.graph.error_codes import rule_of

_STATUS: Mapping[int, int] = {
    0: 401, 190: 401, 3: 500, 2: 503, 133004: 503, 10: 403, 368: 403, 130497: 403, 131005: 403, 131031: 403,
    131000: 500, 131016: 500, 131057: 500, 131044: 500, 131045: 500, 132001: 404,
}  # fmt: skip

_TITLES: Mapping[int, str] = {
    1: "An unknown error occurred",
    2: "Service temporarily unavailable",
    4: "Application request limit reached",
    10: "Application does not have permission for this action",
    33: "Parameter value is not valid",
    100: "Invalid parameter",
    190: "Invalid OAuth access token - Cannot parse access token",
    2500: "Unknown path components",
    130403: "You have blocked this user",
    130429: "Rate limit hit",
    131000: "Something went wrong",
    131008: "Required parameter is missing",
    131009: "Parameter value is not valid",
    131021: "Recipient cannot be sender",
    131026: "Message undeliverable",
    131047: "Re-engagement message",
    131049: "This message was not delivered to maintain healthy ecosystem engagement.",
    131051: "Unsupported message type",
    131053: "Media upload error",
    131056: "(Business Account, Consumer Account) pair rate limit hit",
    131062: "Business-scoped User ID (BSUID) recipients are not supported for this message",
}


def status_of(code: int) -> int:
    """The HTTP status Meta answers with for `code`."""
    return 403 if 200 <= code <= 299 else _STATUS.get(code, 400)


def title_of(code: int) -> str:
    """How Meta calls `code`."""
    rule = rule_of(code)
    return _TITLES.get(code) or (rule.meaning.capitalize() if rule else "Unknown error")


class GraphFailure(Exception):
    """A refusal that becomes Graph's JSON error."""

    def __init__(
        self,
        code: int,
        details: str = "",
        *,
        status: int | None = None,
        message: str | None = None,
        subcode: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {details}")
        self.code = code
        self.details = details
        self.status = status or status_of(code)
        self.message = message or f"(#{code}) {title_of(code)}"
        self.subcode = subcode
        self.headers = dict(headers or {})

    def body(self, trace: str) -> dict[str, Any]:
        """Graph's error object; `trace` is its fbtrace_id."""
        error: dict[str, Any] = {"message": self.message, "type": "OAuthException", "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.details:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        error["fbtrace_id"] = trace
        return {"error": error}


def status_error(code: int, details: str = "") -> dict[str, Any]:
    """An element of `errors[]` in a failed status: title and message are the same."""
    title = title_of(code)
    return {
        "code": code,
        "title": title,
        "message": title,
        "error_data": {"details": details or title},
        "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
    }
