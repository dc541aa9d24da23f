"""How long what fails is tried again, by the clock and not by a number of attempts: pure."""

from __future__ import annotations

import random

LONGEST = 30.0  # seconds between two tries: whoever waits is answered soon after an outage ends


def next_wait(waited: float, budget: float, *, base: float, at_least: float = 0.0) -> float | None:
    """Seconds until the next try, or None when `budget` is spent.

    The waits grow with the time that has passed, with jitter, so that tries stay few; the last one is made when the
    budget ends.

    Args:
        waited: seconds since the first failure, or since the customer wrote. Below zero, clocks do not agree: None.
        budget: seconds.
        base: the first wait, about.
        at_least: what the other side asked for.
    """
    if not 0 <= waited < budget:
        return None
    wait = min(LONGEST, max(base, waited) * random.uniform(0.5, 1.0), max(budget - waited, 0.05))
    return max(wait, at_least)
