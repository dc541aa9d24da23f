"""Meta's two limits on sending: throughput of a number, and the pair limit. Pure: every call takes `now`."""

from __future__ import annotations

from collections import OrderedDict

#: Pairs remembered; the longest unused is forgotten first.
MOST_PAIRS = 200_000


class NumberLimiter:
    """A token bucket for each business number; inbound messages count as well."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}  # tokens, as of

    def take(self, phone_id: str, now: float, rate: float, *, always: bool = False) -> bool:
        """Take one message of `rate` per second; `always` (inbound) is never refused, but counts."""
        tokens, at = self._buckets.get(phone_id, (rate, now))
        tokens = min(rate, tokens + max(0.0, now - at) * rate)
        allowed = tokens >= 1.0
        if allowed or always:
            tokens = max(tokens - 1.0, 0.0)
        self._buckets[phone_id] = (tokens, now)
        return allowed or always


class PairLimiter:
    """One message in 6 s for each (number, user), 45 at once, borrowed from the future.

    Default is a bucket of 45 that refills every 6 s. With `debt`, as Meta's text has it, everything sent within
    6 s must be paid off before the next message: 20 at once are followed by two minutes of silence.
    """

    def __init__(self) -> None:
        self._pairs: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def take(self, pair: tuple[str, str], now: float, *, burst: int, seconds: float, debt: bool) -> bool:
        """Take one message; False when the pair must wait."""
        allowed, state = (_with_debt if debt else _with_bucket)(self._pairs.get(pair), now, burst, seconds)
        self._pairs[pair] = state
        self._pairs.move_to_end(pair)
        while len(self._pairs) > MOST_PAIRS:
            self._pairs.popitem(last=False)
        return allowed


def _with_bucket(
    state: tuple[float, int] | None, now: float, burst: int, seconds: float
) -> tuple[bool, tuple[float, int]]:
    """GCRA: the first field is the time at which the bucket is full again."""
    full_at = max(state[0] if state else now, now)
    if full_at - now > (burst - 1) * seconds:
        return False, (full_at, 0)
    return True, (full_at + seconds, 0)


def _with_debt(
    state: tuple[float, int] | None, now: float, burst: int, seconds: float
) -> tuple[bool, tuple[float, int]]:
    """The fields are when the burst began, and how many messages it had."""
    if state is None:
        return True, (now, 1)
    began, count = state
    if now - began < seconds:
        return (True, (began, count + 1)) if count < burst else (False, state)
    return (True, (now, 1)) if now >= began + count * seconds else (False, state)
