"""The one password, and the wait that grows with every wrong one."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from redis import Redis

from common.store import keys

#: Attempts of the last 15 minutes that cost nothing, by whom; the wait doubles with each one after.
FREE, FREE_OF_ALL = 5, 50
#: Longest wait in seconds. That of all addresses together stays short: nobody may lock the team out.
CAP, CAP_OF_ALL = 300.0, 5.0
WINDOW = 900  # seconds
ALL = "*"


class Password:
    """Compares in constant time, whatever the lengths; holds only a digest."""

    def __init__(self, secret: str) -> None:
        self._digest = _digest(secret)

    def matches(self, given: str) -> bool:
        return hmac.compare_digest(self._digest, _digest(given))


class Throttle:
    """Slows guessing down, by address and over all addresses."""

    def __init__(self, db: Redis) -> None:
        self._db = db

    def admit(self, address: str) -> float:
        """Count an attempt and return 0, or return the seconds to wait first; a refused attempt is not counted."""
        pipe = self._db.pipeline(transaction=False)
        for who in (address, ALL):
            pipe.get(keys.login_failures(who))
            pipe.pttl(keys.login_failures(who))
        mine, mine_ttl, all_, all_ttl = pipe.execute()
        wait = max(_wait(mine, mine_ttl, FREE, CAP), _wait(all_, all_ttl, FREE_OF_ALL, CAP_OF_ALL))
        if wait <= 0:
            pipe = self._db.pipeline(transaction=True)
            for who in (address, ALL):
                pipe.incr(keys.login_failures(who))
                pipe.expire(keys.login_failures(who), WINDOW)
            pipe.execute()
        return wait

    def forgive(self, address: str) -> None:
        """The password was right."""
        self._db.delete(keys.login_failures(address))


def backoff(failures: int, free: int, cap: float) -> float:
    """Seconds between an attempt and the next one: 0 up to `free`, then 1, 2, 4, ... up to `cap`."""
    return 0.0 if failures < free else min(cap, 2.0 ** min(failures - free, 30))


def _wait(count: Any, pttl: Any, free: int, cap: float) -> float:
    since_last = WINDOW - int(pttl) / 1000 if int(pttl) > 0 else WINDOW
    return max(0.0, backoff(int(count or 0), free, cap) - since_last)


def _digest(text: str) -> bytes:
    return hashlib.sha256(b"relevo-console\x00" + text.encode("utf-8", "surrogatepass")).digest()
