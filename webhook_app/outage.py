"""What the log says while Redis is away: at 500 webhooks a second, a line per refused request would be a flood."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from common.logs import Logger

#: Seconds between two lines of one outage.
AGAIN = 30.0
#: Seconds without a refusal after which a success ends the outage: one that succeeds among many that fail does not.
CALM = 1.0


class Outage:
    """Tells once that requests are refused, then every AGAIN seconds how many, and once that it is over.

    May be used from any thread.

    Args:
        log: where to.
        begun, over: the events of its lines.
        clock: monotonic seconds.
    """

    def __init__(self, log: Logger, *, begun: str, over: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._begun, self._over, self._clock = log, begun, over, clock
        self._lock = threading.Lock()
        self._since: float | None = None  # the first refusal of the outage that goes on
        self._last = self._told = 0.0  # the newest refusal; the newest line
        self._untold = 0  # refusals since that line

    def refused(self, reason: str, **about: str) -> None:
        """A request could not be served, because of Redis."""
        with self._lock:
            now = self._last = self._clock()
            self._untold += 1
            if self._since is None:
                self._since = now
            elif now - self._told < AGAIN:
                return
            self._told, refused, self._untold = now, self._untold, 0
        self._log.error(self._begun, reason=reason, refused=refused, **about)

    def served(self, **about: str) -> None:
        """A request that needs Redis was served."""
        if self._since is None:  # nearly always, and not worth the lock
            return
        with self._lock:
            now = self._clock()
            if self._since is None or now - self._last < CALM:
                return
            lasted, refused = self._last - self._since, self._untold
            self._since, self._untold = None, 0
        self._log.info(self._over, refused_since=refused, seconds=round(lasted, 1), **about)
