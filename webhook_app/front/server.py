"""The front: listens, knows its connections, decides who answers, and leaves in good order."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import Protocol

import orjson

from webhook_app.front.connection import Connection
from webhook_app.front.exchange import Exchange
from webhook_app.routes.operations import ALIVE
from webhook_app.routes.whatsapp import PATH

#: Open connections; bytes of bodies that are kept at a time.
MAX_CONNECTIONS = 2_000
MAX_HELD = 256 * 1024 * 1024
#: Seconds that requests get to end when the process is told to.
DRAIN_SECONDS = 8.0
_TICK = 0.5

_POST, _HEALTH = PATH.encode(), b"/healthz"
_ALIVE = orjson.dumps(ALIVE)


class Taker(Protocol):
    """Sees to the answer of a request."""

    def take(self, exchange: Exchange) -> None: ...


class Front:
    """What all connections share.

    Args:
        hook: takes Meta's POSTs.
        rest: takes everything else.
    """

    def __init__(self, hook: Taker, rest: Taker) -> None:
        self._hook = hook
        self._rest = rest
        self._connections: set[Connection] = set()
        self._held = 0
        self._empty = asyncio.Event()
        self.closing = False

    def enter(self, connection: Connection) -> bool:
        """Whether there is room for one more."""
        room = not self.closing and len(self._connections) < MAX_CONNECTIONS
        if room:
            self._connections.add(connection)
        return room

    def leave(self, connection: Connection) -> None:
        """It is closed."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def hold(self, size: int) -> bool:
        """Whether `size` more bytes of bodies may be kept; negative: so many are let go."""
        room = self._held + size <= MAX_HELD
        if room:
            self._held += size
        return room

    def take(self, exchange: Exchange) -> None:
        """Give it to who answers it. Health is told from here: no thread that waits for Redis may hold it up."""
        if exchange.method == "POST" and exchange.target.partition(b"?")[0] == _POST:
            self._hook.take(exchange)
        elif exchange.method == "GET" and exchange.target == _HEALTH:
            exchange.answer_own("application/json", _ALIVE)
        else:
            self._rest.take(exchange)

    async def serve(self, listening: socket.socket, stop: asyncio.Event) -> None:
        """Until `stop` is set, and then until what came in before is answered."""
        server = await asyncio.get_running_loop().create_server(lambda: Connection(self), sock=listening, backlog=1024)
        watch = asyncio.create_task(self._watch())
        await stop.wait()
        server.close()
        self.closing = True
        self._empty.clear()
        for connection in tuple(self._connections):
            connection.retire()
        if self._connections:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), DRAIN_SECONDS)
        watch.cancel()

    async def _watch(self) -> None:
        """End what takes too long: slow senders, idle connections."""
        while True:
            await asyncio.sleep(_TICK)
            now = time.monotonic()
            for connection in [one for one in self._connections if one.deadline < now]:
                connection.expire()
