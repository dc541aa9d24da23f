"""Redis clients of a process, blocking and asyncio, with bounded waits."""

from __future__ import annotations

from typing import Any, cast

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from common.settings import Settings, stop
from common.store.multiplex import Multiplexed
from common.store.sockets import name_losses

#: Seconds. A webhook must answer within a second; a worker's blocking reads ask for less than READ.
CONNECT, READ = 2.0, 3.0

#: A lost connection is tried again once, after a moment: every call of ours is safe to repeat, and who cannot wait says
#: so (503) rather than hang.
_BACKOFF = ExponentialWithJitterBackoff(base=0.05, cap=0.2)


def connect(settings: Settings) -> Redis:
    """A blocking client; commands fail after READ seconds rather than hang."""
    options = _options() | {"retry": Retry(_BACKOFF, 1)}
    if settings.redis_sentinel_hosts:
        sentinel = Sentinel(_hosts(settings), sentinel_kwargs=options, **options, **_login(settings))
        return cast("Redis", sentinel.master_for(settings.redis_sentinel_name))
    if settings.redis_url:
        return cast("Redis", _from_url(Redis, settings.redis_url, options))
    return Redis(host=settings.redis_host, port=settings.redis_port, **options, **_login(settings))


def connect_async(settings: Settings, *, connections: int = 64) -> Multiplexed:
    """An asyncio client for the running loop; its commands share one connection, `connections` more are for others."""
    options = _options() | {"max_connections": connections, "retry": AsyncRetry(_BACKOFF, 1)}
    if settings.redis_sentinel_hosts:
        sentinel = AsyncSentinel(_hosts(settings), sentinel_kwargs=_options(), **options, **_login(settings))
        for one in sentinel.sentinels:
            name_losses(one.connection_pool)
        return cast("Multiplexed", sentinel.master_for(settings.redis_sentinel_name, redis_class=Multiplexed))
    if settings.redis_url:
        return cast("Multiplexed", _from_url(Multiplexed, settings.redis_url, options))
    return Multiplexed(host=settings.redis_host, port=settings.redis_port, **options, **_login(settings))


def _from_url(client: type[Redis | AsyncRedis], url: str, options: dict[str, Any]) -> object:
    try:
        return client.from_url(url, **options)
    except ValueError as error:
        stop("redis_url", f"is no address of a Redis ({error})")


def _options() -> dict[str, Any]:
    return {
        "socket_connect_timeout": CONNECT,
        "socket_timeout": READ,
        "socket_keepalive": True,
        "health_check_interval": 30,
    }


def _login(settings: Settings) -> dict[str, Any]:
    password = settings.redis_password.get_secret_value() if settings.redis_password else None
    return {"username": settings.redis_user, "password": password, "db": settings.redis_db}


def _hosts(settings: Settings) -> list[tuple[str, int]]:
    pairs = (host.rpartition(":") for host in settings.redis_sentinel_hosts)
    return [(host, int(port)) for host, _, port in pairs]

