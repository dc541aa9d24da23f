"""Connections of redis-py that say "lost" in one way, whichever event loop they run on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError


def name_losses(pool: ConnectionPool) -> None:
    """Its connections raise redis-py's ConnectionError for a socket that closed while nobody looked.

    uvloop says RuntimeError there, which redis-py takes for a bug of the caller and neither tries again nor names.
    """
    pool.connection_class = _naming(pool.connection_class)


def _naming(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    async def send(self: Any, command: Iterable[bytes]) -> None:
        try:
            await kind._send_packed_command(self, command)  # noqa: SLF001  a contract test watches it
        except RuntimeError as error:
            raise RedisConnectionError(f"the connection was lost: {error}") from error

    return type(kind.__name__, (kind,), {"_send_packed_command": send})
