"""What an outage of Redis looks like."""

from __future__ import annotations

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

#: What a Redis says that takes no writes now (also within a script's error, as in 6.2).
_REFUSING = ("OOM", "READONLY", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS")


def is_outage(error: object) -> bool:
    """Whether Redis is away, full or changing its primary: the same call will work later."""
    if isinstance(error, RedisConnectionError | RedisTimeoutError):
        return True
    return isinstance(error, RedisError) and any(word in str(error) for word in _REFUSING)
