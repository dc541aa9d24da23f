"""What shall go wrong, as data: rules made by tests, consulted by every Graph endpoint.

A rule says where (`endpoint`, `match`), how often (`times`, `every`, `always`, after `skip` calls that go well) and
what (`preset`, or `code` with `status`). Presets are in PRESETS. Sends that a fault refuses never enter the ledger;
`hang`, `reset_after`, `trickle`, `garbage` and `fail_async` accept the message first.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common.graph.simulator.failures import GraphFailure
from common.graph.simulator.options import ControlError

ENDPOINTS = ("messages", "read", "media", "upload", "download", "number", "block", "*")
MOST_RULES = 1_000


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one call.

    kind: error (a Graph error), raw (any answer), reset, hang, trickle (the right answer, byte by byte), garbage (200
    without a usable body), fail_async (200, then a failed status), slow (the right answer, late).
    `accept`: the call does its work first. `seconds`: of a hang (0: never answered), of slow, of a whole trickle.
    """

    kind: str
    accept: bool = False
    code: int = 0
    status: int | None = None
    details: str = ""
    seconds: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    content_type: str = "application/json"

    def failure(self) -> GraphFailure:
        return GraphFailure(self.code, self.details, status=self.status, headers=self.headers)


_HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
_BUC = (
    '{"102290129340398":[{"type":"messages","call_count":100,"total_cputime":25,"total_time":25,'
    '"estimated_time_to_regain_access":1}]}'
)

PRESETS: Mapping[str, Fault] = {
    "unknown": Fault("error", code=1, status=500),
    "500": Fault("error", code=131000, details="Something went wrong."),
    "503": Fault("error", code=2, details="Service temporarily unavailable."),
    "rate_limit": Fault("error", code=130429, details="Message failed to send because there were too many messages."),
    "429": Fault("error", code=130429, status=429, headers={"Retry-After": "1"}),
    "pair_limit": Fault("error", code=131056),
    "waba_limit": Fault("error", code=80007, headers={"X-Business-Use-Case-Usage": _BUC}),
    "upgrade": Fault("error", code=131057),
    "token": Fault("error", code=190),
    "permission": Fault("error", code=10),
    "payment": Fault("error", code=131042),
    "window": Fault("error", code=131047),
    "html502": Fault("raw", status=502, body=_HTML, content_type="text/html"),
    "empty500": Fault("raw", status=500),
    "504": Fault("raw", status=504, body=_HTML.replace("502", "504"), content_type="text/html"),
    "reset": Fault("reset"),
    "reset_after": Fault("reset", accept=True),
    "hang": Fault("hang", accept=True),
    "hang_before": Fault("hang"),
    "trickle": Fault("trickle", accept=True, seconds=60.0),
    "garbage": Fault("garbage", accept=True),
    "slow": Fault("slow", accept=True, seconds=1.0),
    "fail_async": Fault("fail_async", accept=True, code=131026, details="Message undeliverable."),
}
#: Other names that tests like to use.
_ALIASES = {"130429": "rate_limit", "131056": "pair_limit", "190": "token", "131026": "fail_async", "503_code_2": "503"}

_FIELDS = frozenset({
    "endpoint", "match", "times", "every", "always", "skip", "preset", "code", "status", "details", "seconds",
    "retry_after", "headers",
})  # fmt: skip


@dataclass(slots=True)
class FaultRule:
    """One rule and what it has seen."""

    id: int
    endpoint: str
    match: Mapping[str, Any]
    fault: Fault
    preset: str
    times: int | None
    every: int
    skip: int
    seen: int = 0
    hits: int = 0

    def fires(self, endpoint: str, call: Mapping[str, Any]) -> bool:
        """Whether this call is hit; counts it."""
        if self.endpoint not in {"*", endpoint} or not _matches(self.match, call):
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        self.seen += 1
        past = self.seen - self.skip
        if past <= 0 or past % self.every:
            return False
        self.hits += 1
        return True

    def as_dict(self) -> dict[str, Any]:
        names = ("id", "endpoint", "match", "preset", "times", "every", "skip", "seen", "hits")
        return {name: getattr(self, name) for name in names}


class Faults:
    """The rules in force; the oldest that fires decides."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self.rules: list[FaultRule] = []

    def add(self, spec: object) -> FaultRule:
        """Add one rule.

        Raises:
            ControlError: it makes no sense; the text says why.
        """
        if not isinstance(spec, dict) or not spec.keys() <= _FIELDS:
            raise ControlError(f"a fault is an object with some of: {', '.join(sorted(_FIELDS))}")
        if len(self.rules) >= MOST_RULES:
            raise ControlError(f"there are {MOST_RULES} faults already; DELETE /_sim/faults first")
        endpoint, match = spec.get("endpoint", "messages"), spec.get("match") or {}
        if endpoint not in ENDPOINTS or not isinstance(match, dict):
            raise ControlError(f"endpoint must be one of {', '.join(ENDPOINTS)}, match an object")
        every, skip, times = (_count(spec, name) for name in ("every", "skip", "times"))
        if times is None and not every and not spec.get("always"):
            times = 1
        fault = _fault(spec)
        name = str(spec.get("preset") or f"code {fault.code}")
        rule = FaultRule(next(self._ids), endpoint, match, fault, name, times, every or 1, skip or 0)
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        self.rules.clear()

    def pick(self, endpoint: str, call: Mapping[str, Any]) -> Fault | None:
        """What happens to this call; `call` has to, type, phone_number_id, text, opaque where they apply."""
        return next((rule.fault for rule in self.rules if rule.fires(endpoint, call)), None)


def _count(spec: Mapping[str, Any], name: str) -> int | None:
    value = spec.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise ControlError(f"{name} must be a whole number of 0 or more")
    return value


def _fault(spec: Mapping[str, Any]) -> Fault:
    name = spec.get("preset")
    name = _ALIASES.get(str(name), str(name)) if name is not None else ""
    code = spec.get("code")
    if not name and isinstance(code, int) and not isinstance(code, bool):
        base = Fault("error", code=code)
    elif name in PRESETS:
        base = PRESETS[name]
    else:
        raise ControlError(f"a fault needs a code or one of the presets {', '.join(PRESETS)}")
    seconds, status = spec.get("seconds", base.seconds), spec.get("status", base.status)
    more = spec.get("headers") or {}
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 3600:
        raise ControlError("seconds must be a number from 0 to 3600")
    if status is not None and (not isinstance(status, int) or not 200 <= status <= 599):
        raise ControlError("status must be an HTTP status")
    if not isinstance(more, dict):
        raise ControlError("headers must be an object")
    headers = {**base.headers, **{str(name): str(value) for name, value in more.items()}}
    if spec.get("retry_after") is not None:
        headers["Retry-After"] = str(spec["retry_after"])
    return Fault(
        base.kind, base.accept, code if isinstance(code, int) else base.code, status,
        str(spec.get("details", base.details)), float(seconds), headers, base.body, base.content_type,
    )  # fmt: skip


def _matches(match: Mapping[str, Any], call: Mapping[str, Any]) -> bool:
    """`text` matches a part of the text, everything else the whole value."""
    for name, wanted in match.items():
        value = str(call.get(name) or "")
        if name == "text" and str(wanted) not in value:
            return False
        if name != "text" and value.lstrip("+") != str(wanted).lstrip("+"):
            return False
    return True
