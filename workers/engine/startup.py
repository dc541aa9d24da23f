"""How a worker process begins: logs, and a Redis that may come later than it."""

from __future__ import annotations

import logging
import random
import time

from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

log = logging.getLogger("relevo.start")


def wait_for_redis(db: Redis, *, most: float = float("inf")) -> None:
    """Return when Redis answers; tries again with jitter for `most` seconds.

    Raises:
        SystemExit: the login is refused, or it took too long; the line says why.
    """
    until, pause = time.monotonic() + most, 0.2
    while True:
        try:
            db.ping()
        except (AuthenticationError, NoPermissionError) as error:
            raise SystemExit(f"relevo: setting REDIS_URL: Redis refuses the login ({error})") from error
        except (RedisError, OSError) as error:
            if time.monotonic() > until:
                raise SystemExit(f"relevo: Redis cannot be reached ({type(error).__name__}); see REDIS_URL") from error
            log.warning("Redis does not answer yet (%s); waiting", type(error).__name__)
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, 5.0)
        else:
            return
