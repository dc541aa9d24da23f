"""Every error that Relevo raises on purpose.

    RelevoError
    +-- SettingsError           a setting is missing or wrong; the process stops
    +-- StoreUnavailable        Redis is down or refuses writes; Meta will deliver again (503)
    +-- Later                   control flow: run this job again at a given time, no attempt spent
    +-- ChannelError            Graph refused or could not be reached (common.graph.error_codes maps codes)
    |   +-- PairLimited         this recipient only
    |   +-- NumberLimited       this business number for a while
    |   +-- AccountBlocked      token, permission, payment, policy: stop the number, tell a person
    |   +-- MessageRefused      permanent for this message
    |   +-- SendOutcomeUnknown  the request left, no answer came: never send again blindly
    +-- AIError                 a model provider failed (common.ai.base)
    +-- CommandRefused          a person asked for something that cannot be done now; says why and what to do

`retryable` says whether the same call may succeed later; `retry_after` how many seconds to wait at least.
"""

from __future__ import annotations


class RelevoError(Exception):
    """Base of all of them."""

    retryable: bool = False
    http_status: int = 500

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])
        self.retry_after = retry_after


class SettingsError(RelevoError):
    """A setting is missing or wrong."""


class StoreUnavailable(RelevoError):
    """Redis cannot be reached or refuses writes."""

    retryable = True
    http_status = 503


class Later(RelevoError):
    """Run this job again at `at` (unix seconds); its attempts are not spent."""

    retryable = True

    def __init__(self, at: float, why: str) -> None:
        super().__init__(why)
        self.at = at


class ChannelError(RelevoError):
    """Graph refused a call, or could not be reached; nothing was sent."""

    retryable = True
    http_status = 502

    def __init__(
        self, message: str = "", *, code: int | None = None, details: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.code = code
        self.details = details


class PairLimited(ChannelError):
    """Too many messages to this one recipient (131056)."""


class NumberLimited(ChannelError):
    """The business number must slow down (130429, 80007, 4, 131057, ...)."""


class AccountBlocked(ChannelError):
    """Sending from this number is off until a person repairs it (190, 131031, 131042, ...)."""


class MessageRefused(ChannelError):
    """Never to be sent as it is (131026, 131047, 100, ...)."""

    retryable = False


class SendOutcomeUnknown(ChannelError):
    """The request left but no answer came back: Meta may have sent it."""


class CommandRefused(RelevoError):
    """The action cannot be done now."""

    http_status = 409
