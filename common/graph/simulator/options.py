"""What a simulator is started with, and the behaviour that the control API can change while it runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

DEFAULT_PORT = 3002
DEFAULT_WEBHOOK = "http://127.0.0.1:3001/api/whatsapp/webhook"
DEFAULT_PHONE_ID = "106540352242922"
DEFAULT_TOKEN = "simulator-access-token"  # noqa: S105  opens nothing but the simulator
DEFAULT_APP_SECRET = "simulator-app-secret"  # noqa: S105
DEFAULT_VERIFY_TOKEN = "simulator-verify-token"  # noqa: S105


class ControlError(ValueError):
    """A control call that makes no sense; its text says why."""


@dataclass(frozen=True, slots=True)
class Options:
    """Fixed for the life of a simulator.

    `foreign_phone_ids` exist but the token has no right to them (403, code 10). Without `seed` every run differs.
    """

    webhook: str | None = DEFAULT_WEBHOOK
    app_secret: str = DEFAULT_APP_SECRET
    token: str = DEFAULT_TOKEN
    verify_token: str = DEFAULT_VERIFY_TOKEN
    phone_ids: tuple[str, ...] = (DEFAULT_PHONE_ID,)
    foreign_phone_ids: tuple[str, ...] = ()
    waba_id: str = "102290129340398"
    business_name: str = "Relevo"
    seed: int | None = None
    customers: bool = True

    def display_number(self, phone_id: str) -> str:
        """The phone number behind a phone number id, as Meta shows it: digits only."""
        known = (*self.phone_ids, *self.foreign_phone_ids)
        return f"1555010{known.index(phone_id) % 10_000:04d}" if phone_id in known else "15550100000"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How it behaves now. Times in seconds; `shuffle`, `duplicates`, `skip_delivered` are probabilities 0 to 1.

    Each `strict_*` switches one rule of Meta off when false: bearer, body checks, throughput of the number,
    pair limit, 24 h window.
    """

    strict_auth: bool = True
    strict_body: bool = True
    strict_number: bool = True
    strict_pair: bool = True
    strict_window: bool = True

    number_rate: float = 80.0
    pair_burst: int = 45
    pair_seconds: float = 6.0
    pair_debt: bool = False
    window_seconds: float = 86_400.0
    window_error: Literal["sync", "async"] = "sync"
    rate_limit_status: Literal[400, 429] = 400
    rewrite_wa_id: bool = False
    latency_seconds: float = 0.0

    statuses: bool = True
    auto_read: bool = True
    sent_seconds: float = 0.05
    delivered_seconds: float = 0.15
    read_seconds: float = 1.0
    jitter: float = 0.3
    shuffle: float = 0.0
    duplicates: float = 0.0
    skip_delivered: float = 0.0
    status_contacts: Literal["mixed", "full", "none"] = "mixed"

    redelivery: bool = True
    redelivery_seconds: float = 0.5
    redelivery_attempts: int = 14
    webhook_timeout_seconds: float = 5.0
    media_sha256: Literal["hex", "base64"] = "hex"
    media_url_seconds: float = 300.0
    clock_offset: float = 0.0

    def merged(self, patch: object) -> Behaviour:
        """The same behaviour with some settings changed.

        Raises:
            ControlError: a name is unknown or a value is of the wrong kind; the text says which.
        """
        if not isinstance(patch, dict):
            raise ControlError("settings must be an object")
        kinds = get_type_hints(Behaviour)
        values = {name: _checked(str(name), value, kinds.get(str(name))) for name, value in patch.items()}
        return replace(self, **values)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


NAMES = frozenset(field.name for field in fields(Behaviour))


def _checked(name: str, value: object, kind: Any) -> Any:
    if kind is None:
        raise ControlError(f"unknown setting {name!r}; known: {', '.join(sorted(NAMES))}")
    if get_origin(kind) is Literal:
        allowed = get_args(kind)
        if value not in allowed:
            raise ControlError(f"{name} must be one of {', '.join(map(str, allowed))}")
        return value
    if kind is bool:
        if not isinstance(value, bool):
            raise ControlError(f"{name} must be true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ControlError(f"{name} must be a number")
    if kind is int and value != int(value):
        raise ControlError(f"{name} must be a whole number")
    if name != "clock_offset" and not 0 <= value < 1e9:
        raise ControlError(f"{name} must not be negative")
    return kind(value)
