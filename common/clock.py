"""Time as a dependency: pure code takes `now`, rims take a `Clock`."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    """Unix seconds, UTC."""

    def now(self) -> float: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()


def iso(at: float) -> str:
    """`at` in the form RQ writes into its hashes: 2026-11-22T05:00:00.000000Z."""
    second = math.floor(at)
    micros = round((at - second) * 1_000_000)
    return f"{_to_the_second(second)}.{micros:06d}Z" if micros < 1_000_000 else f"{_to_the_second(second + 1)}.000000Z"


@lru_cache(maxsize=16)  # strftime costs more than the rest of a message's identity
def _to_the_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
