"""What each Graph error code means for us: the one table, and the functions that read it.

Source: Meta, "Cloud API error codes" (2026-09) and the HTTP column that page still had in 2025-12. Decisions build on
`code`; HTTP status only speaks when a body has no code (HTML of a gateway, an empty 5xx).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from common.errors import AccountBlocked, ChannelError, MessageRefused, NumberLimited, PairLimited

#: Waits that Graph asks for are believed up to this many seconds.
LONGEST_WAIT = 86_400.0
#: 4^6 s is over an hour; a pair that is still limited then is not helped by waiting longer.
LONGEST_PAIR_WAIT = 3_600.0
DETAILS_LENGTH = 300

_LONG_NUMBER = re.compile(r"\+?\d{7,}")
_LONG_WORD = re.compile(r"[\w\-.=]{25,}")  # Graph quotes malformed tokens back
_TRACE = re.compile(r"[\w-]{4,40}")


class Policy(StrEnum):
    """What a code asks of the sender."""

    RETRY = "retry"  # the same message again, with back-off
    PAIR = "pair"  # wait for this recipient only
    NUMBER = "number"  # wait for everything that this business number sends
    ACCOUNT = "account"  # stop the number and tell a person
    PERMANENT = "permanent"  # this message can never be sent as it is
    STOP = "stop"  # not now and not by itself: a person decides


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table. `wait` is seconds before the next try at least, None where back-off alone decides."""

    error: type[ChannelError]
    policy: Policy
    meaning: str
    advice: str
    wait: float | None = None


_BACK_OFF = "Send it again with back-off"
_MINUTES = "Send nothing more for some minutes"
_BODY = "Correct the message; sending it again cannot help"
_TEMPLATE = "Correct the template or its parameters in WhatsApp Manager"
_REGISTER = "Register the number again in WhatsApp Manager; sending is stopped until then"
_PERSON = "Leave it to a person; do not send it again by itself"


def _retry(meaning: str) -> Rule:
    return Rule(ChannelError, Policy.RETRY, meaning, _BACK_OFF)


def _number(meaning: str, wait: float, advice: str = _MINUTES) -> Rule:
    return Rule(NumberLimited, Policy.NUMBER, meaning, advice, wait)


def _account(meaning: str, advice: str) -> Rule:
    return Rule(AccountBlocked, Policy.ACCOUNT, meaning, advice)


def _refused(meaning: str, advice: str = _BODY) -> Rule:
    return Rule(MessageRefused, Policy.PERMANENT, meaning, advice)


def _stop(meaning: str, advice: str = _PERSON) -> Rule:
    return Rule(MessageRefused, Policy.STOP, meaning, advice)


RULES: Mapping[int, Rule] = {
    # the same message again
    1: _retry("unknown error, or an invalid request"),
    2: _retry("service temporarily unavailable"),
    131000: _retry("something went wrong on Meta's side"),
    131016: _retry("service unavailable"),
    133004: _retry("server temporarily unavailable"),
    # one recipient
    131056: Rule(PairLimited, Policy.PAIR, "too many messages to this recipient", "Wait 4^attempt seconds", 1.0),
    # the number, its WABA, or the app
    4: _number("app call limit reached", 300.0),
    17: _number("call limit of the Graph user reached", 300.0),
    341: _number("application limit reached", 300.0),
    80007: _number("rate limit of the WhatsApp business account reached", 300.0),
    130429: _number("throughput of the number reached", 1.0, "Send more slowly from this number"),
    131057: _number("number in maintenance or being upgraded", 60.0, "Wait a minute; it ends by itself"),
    133016: _number("too many registrations of the number", 3_600.0, "Register it again later"),
    # stop the number, tell a person
    0: _account("access token not valid", "Set a new WHATSAPP_ACCESS_TOKEN"),
    3: _account("the app lacks the capability", "Give the app whatsapp_business_messaging"),
    10: _account("permission missing or removed", "Give the token whatsapp_business_messaging"),
    190: _account("access token expired or revoked", "Set a new WHATSAPP_ACCESS_TOKEN"),
    368: _account("temporarily blocked for policy violations", "Read the notice in WhatsApp Manager"),
    130497: _account("the account may not write to this country", "Check the account's restrictions"),
    131005: _account("access denied", "Give the token whatsapp_business_messaging"),
    131031: _account("account locked", "Read the notice in WhatsApp Manager; check the two-step PIN"),
    131037: _account("the number has no approved display name", "Set a display name in WhatsApp Manager"),
    131042: _account("no valid payment method", "Repair the payment method in WhatsApp Manager"),
    131044: _account("number registration incomplete", _REGISTER),
    131045: _account("the number is not registered for sending", _REGISTER),
    131048: _account("sending restricted: customers reported too many messages as spam", "Check the quality rating"),
    133000: _account("an earlier deregistration failed", _REGISTER),
    133005: _account("two-step PIN wrong", _REGISTER),
    133006: _account("number must be verified first", _REGISTER),
    133008: _account("two-step PIN entered wrongly too often", _REGISTER),
    133009: _account("two-step PIN entered too fast", _REGISTER),
    133010: _account("number not registered", _REGISTER),
    133015: _account("number deleted a moment ago; its removal is not complete", _REGISTER),
    134011: _account("WhatsApp Payments terms not accepted", "Accept them in WhatsApp Manager"),
    # not now, not by itself
    130472: _stop("recipient is part of a Meta experiment"),
    131049: _stop("not delivered, to keep engagement healthy", "Wait a day before the next template to this person"),
    131064: _stop("messaging limit reached through miscategorised templates", "Correct the templates' categories"),
    132015: _stop("template paused for low quality", _TEMPLATE),
    132069: _stop("flow throttled: 10 messages an hour", "Repair the flow's endpoint"),
    # never as it is
    33: _refused("the business number does not exist or was deleted", "Check WHATSAPP_PHONE_ID"),
    100: _refused("a parameter is wrong or unknown"),
    130403: _refused("we blocked this person", "Unblock them first"),
    131008: _refused("a required parameter is missing"),
    131009: _refused("a parameter's value is wrong"),
    131021: _refused("sender and recipient are the same number"),
    131026: _refused("undeliverable: no WhatsApp, old app, or blocked us", "Reach this person another way"),
    131030: _refused("recipient not in the allow list of the test number", "Add the number in the app's dashboard"),
    131047: _refused("more than 24 hours since the customer wrote", "Send a template, or wait until they write"),
    131050: _refused("the customer stopped marketing messages", "Send them no more marketing"),
    131051: _refused("message type not supported"),
    131052: _refused("the customer's media cannot be downloaded", "Ask the customer to send it again"),
    131053: _refused("media could not be uploaded or fetched", "Check type, size and that its link is public"),
    131062: _refused("a business-scoped user id cannot be used here", "Send it to a phone number"),
    131063: _refused("marketing messages are disabled for this account"),
    135000: _refused("a parameter is wrong (no more is said)"),
    137000: _refused("the recipient's identity key changed", "Confirm the customer's identity first"),
    132000: _refused("number of template parameters differs", _TEMPLATE),
    132001: _refused("template does not exist in this language", _TEMPLATE),
    132005: _refused("template text too long once filled in", _TEMPLATE),
    132007: _refused("template content violates policy", _TEMPLATE),
    132008: _refused("template parameter of a wrong format", _TEMPLATE),
    132012: _refused("template parameters do not match the template", _TEMPLATE),
    132016: _refused("template disabled for low quality", _TEMPLATE),
    132018: _refused("template parameters invalid", _TEMPLATE),
    132068: _refused("flow blocked", "Correct the flow in WhatsApp Manager"),
}  # fmt: skip

_PERMISSION = _account("permission missing", "Give the token whatsapp_business_messaging")
_NO_CODE_5XX = _retry("Graph failed without an error code")
_NO_CODE_429 = _number("too many requests", 1.0, "Send more slowly from this number")
_NO_CODE_4XX = _refused("Graph refused the call without an error code we know", "Check GRAPH_API_URL and the message")
_NO_CODE_OTHER = _retry("Graph gave an unexpected answer")


def rule_of(code: int) -> Rule | None:
    """The rule of `code`, as in failed statuses too; None when Meta never documented it."""
    return RULES.get(code) or (_PERMISSION if 200 <= code <= 299 else None)


def classify(status: int, body: object, headers: Mapping[str, str] | None = None) -> ChannelError:
    """The error that a non-2xx answer of Graph stands for. Never raises, whatever the body is.

    Args:
        status: HTTP status.
        body: bytes, str or already parsed; HTML, empty and garbage are fine.
        headers: Retry-After (seconds) is honoured, and for rate codes the regain time (minutes) of
            X-Business-Use-Case-Usage.
    """
    error = _error_object(body)
    code = _code(error.get("code"))
    rule = _rule(status, code, transient=error.get("is_transient") is True)
    details = _details(error)
    asked = _asked_wait(headers or {}, rule.policy)
    waits = [wait for wait in (rule.wait, asked) if wait is not None]
    return rule.error(
        _text(status, code, rule, details, error.get("fbtrace_id")),
        code=code,
        details=details,
        retry_after=max(waits) if waits else None,
    )


def wait_before(error: ChannelError, attempt: int) -> float | None:
    """Seconds to wait at least before the next try; None when the caller's own back-off decides.

    Args:
        error: from `classify`.
        attempt: tries that failed before this one, from 0: a limited pair waits 1, 4, 16, 64 ... seconds.
    """
    if isinstance(error, PairLimited):
        return max(error.retry_after or 0.0, pair_wait(attempt))
    return error.retry_after


def pair_wait(attempt: int) -> float:
    """4^attempt seconds, as Meta asks after 131056; an hour at most."""
    return min(4.0 ** min(max(attempt, 0), 10), LONGEST_PAIR_WAIT)


def _error_object(body: object) -> dict[str, Any]:
    if isinstance(body, bytes | bytearray | str):
        try:
            body = orjson.loads(body)
        except (orjson.JSONDecodeError, UnicodeError):
            return {}
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def _code(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return None


def _rule(status: int, code: int | None, *, transient: bool) -> Rule:
    known = None if code is None else rule_of(code)
    if known:
        return known
    if status >= 500 or status in {408, 425} or transient:
        return _NO_CODE_5XX
    if status == 429:
        return _NO_CODE_429
    return _NO_CODE_4XX if 400 <= status < 500 else _NO_CODE_OTHER


def _details(error: Mapping[str, Any]) -> str:
    """What Graph says beyond the code, with phone numbers and anything like a token blotted out."""
    data = error.get("error_data")
    said = data.get("details") if isinstance(data, dict) else data
    if not isinstance(said, str) or not said:
        said = error.get("message")
    if not isinstance(said, str):
        return ""
    plain = " ".join(said[: 4 * DETAILS_LENGTH].split()).encode("utf-8", "replace").decode()
    return _LONG_WORD.sub("…", _LONG_NUMBER.sub("…", plain))[:DETAILS_LENGTH]


def _text(status: int, code: int | None, rule: Rule, details: str, trace: object) -> str:
    what = f"Graph error {code} (HTTP {status})" if code is not None else f"Graph answered HTTP {status}"
    says = f" [{details}]" if details else ""
    where = f" (trace {trace})" if isinstance(trace, str) and _TRACE.fullmatch(trace) else ""
    return f"{what}: {rule.meaning}{says}. {rule.advice}.{where}"


def _asked_wait(headers: Mapping[str, str], policy: Policy) -> float | None:
    """Seconds that the answer's headers ask for."""
    lower = {str(name).lower(): str(value) for name, value in headers.items()}
    waits = [_seconds(lower.get("retry-after"))]
    if policy is Policy.NUMBER:
        waits.append(_regain_seconds(lower.get("x-business-use-case-usage")))
    known = [wait for wait in waits if wait is not None]
    return min(max(known), LONGEST_WAIT) if known else None


def _seconds(value: str | None) -> float | None:
    value = (value or "").strip()
    return float(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


def _regain_seconds(value: str | None) -> float | None:
    """The longest estimated_time_to_regain_access (minutes) of any account in the header."""
    try:
        usage = orjson.loads(value or "")
    except (orjson.JSONDecodeError, UnicodeError):
        return None
    groups = usage.values() if isinstance(usage, dict) else ()
    rows = [row for group in groups if isinstance(group, list) for row in group]
    minutes = [row.get("estimated_time_to_regain_access") for row in rows if isinstance(row, dict)]
    known = [m for m in minutes if isinstance(m, int | float) and not isinstance(m, bool) and 0 < m < 1e6]
    return 60.0 * max(known) if known else None
