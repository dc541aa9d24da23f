"""How a worker process begins: logs, and a Redis that may come later than it."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

from redis import Redis, SSLConnection
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from common.store.multiplex import Multiplexed

log = logging.getLogger("relevo.start")

#: What says where a client goes, and whom it trusts there.
_WAY = (
    "host", "port", "db", "username", "password", "path", "ssl_keyfile", "ssl_certfile", "ssl_cert_reqs",
    "ssl_ca_certs", "ssl_ca_data", "ssl_check_hostname",
)  # fmt: skip


def wait_for_redis(db: Redis, *, most: float = float("inf"), then: Callable[[], object] | None = None) -> None:
    """Return when Redis answers, and did what `then` asks of it; tries again with jitter for `most` seconds.

    Raises:
        SystemExit: the login is refused, or it took too long; the line says why.
    """
    until, pause = time.monotonic() + most, 0.2
    while True:
        try:
            db.ping()
            if then:
                then()
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


def async_twin(connection: Redis) -> Multiplexed:
    """An asyncio client to where `connection` goes, for the `rq` command line, which hands over only that."""
    pool = connection.connection_pool
    options = {name: value for name in _WAY if (value := pool.connection_kwargs.get(name)) is not None}
    if "path" in options:
        options["unix_socket_path"] = options.pop("path")
    if issubclass(pool.connection_class, SSLConnection):
        options["ssl"] = True
    return Multiplexed(**options, socket_timeout=5, socket_connect_timeout=2)
