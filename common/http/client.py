"""The client of one process: connections kept per origin, no redirects, no cookies, no compression, no proxy.

Two calls of this kind are most of what an answer costs; a general client spends four times as much CPU on each, and
none of them tells in all cases whether a request had left (docs/performance.md).
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping
from contextvars import Context
from functools import cached_property
from types import TracebackType
from typing import Self

from common.http.errors import Answer, NoAnswer, NotSent
from common.http.target import Origin, Target
from common.http.wire import Wire, why


class Route:
    """A method, an address and headers, written once for many calls.

    Raises:
        ValueError: the address is none (see Target), or a header would end its line.
    """

    __slots__ = ("_head", "origin")

    def __init__(self, method: str, url: str, headers: Mapping[str, str]) -> None:
        target = Target.of(url)
        lines = [f"{method} {target.path} HTTP/1.1", f"Host: {target.host_header}", "Accept-Encoding: identity"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a header holds a line break")
        self.origin = target.origin
        self._head = "\r\n".join(lines).encode("latin-1") + b"\r\n"

    def head(self, length: int) -> bytes:
        """What goes before a body of `length` bytes."""
        return b"%bContent-Length: %d\r\n\r\n" % (self._head, length)


class HttpClient:
    """Calls out. Needs a running event loop; close it with the process.

    Args:
        connect_seconds: for a new connection, TLS included.
        idle_seconds: a connection that was not used for so long is not used again.
    """

    def __init__(self, *, connect_seconds: float = 5.0, idle_seconds: float = 30.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._connect_seconds = connect_seconds
        self._idle_seconds = idle_seconds
        self._idle: dict[Origin, deque[Wire]] = {}
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def call(
        self, route: Route, body: bytes = b"", *, seconds: float, most: int, repeatable: bool = False
    ) -> Answer:
        """One request and its whole answer, whatever its status.

        Args:
            route: where and how.
            body: sent as it is.
            seconds: for all of it: connection, request, answer.
            most: bytes of the answer's body.
            repeatable: doing it twice does no harm; so a connection that turns out to have been closed while it was
                idle is made good by a second try on a new one.

        Raises:
            NotSent: nothing had left.
            NoAnswer, TooLarge: it had left.
        """
        until = self._loop.time() + seconds
        if wire := self._kept(route.origin):
            try:
                return await self._exchange(wire, route, body, most, until)
            except NoAnswer as error:
                if not repeatable or wire.heard or error.late:
                    raise
        wire = await self._connect(route.origin, until)
        return await self._exchange(wire, route, body, most, until)

    async def _exchange(self, wire: Wire, route: Route, body: bytes, most: int, until: float) -> Answer:
        try:
            answer = await wire.exchange(route.head(len(body)) + body, most, until)
        except BaseException:
            wire.close()
            raise
        if self._closed:
            wire.close()
        elif not wire.closed:
            wire.idle_since = self._loop.time()
            self._idle.setdefault(route.origin, deque()).append(wire)
        return answer

    def _kept(self, origin: Origin) -> Wire | None:
        """The connection that was used last; those that were idle for too long are ended on the way."""
        idle = self._idle.get(origin)
        if not idle:
            return None
        since = self._loop.time() - self._idle_seconds
        while idle and (idle[0].closed or idle[0].idle_since < since):
            idle.popleft().close()
        while idle:
            wire = idle.pop()
            if not wire.closed:
                return wire
        return None

    async def _connect(self, origin: Origin, until: float) -> Wire:
        secure = self._tls if origin.scheme == "https" else None
        left = min(self._connect_seconds, until - self._loop.time())
        try:
            async with asyncio.timeout(left):
                connecting = self._loop.create_connection(
                    lambda: Wire(self._loop), origin.host, origin.port, ssl=secure
                )
                # It outlives who asks for it, and must not keep what they know.
                _, wire = await asyncio.create_task(connecting, context=Context())
        except TimeoutError:
            raise NotSent(f"no connection within {left:.1f} s", late=True) from None
        except OSError as error:  # refused, unknown host, TLS
            raise NotSent(f"no connection{why(error)}") from None
        if wire.closed:
            raise NotSent("the connection was closed at once")
        return wire

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    async def aclose(self) -> None:
        """End idle connections now, those in use after their exchange."""
        self._closed = True
        for idle in self._idle.values():
            for wire in idle:
                wire.close()
        self._idle.clear()
        await asyncio.sleep(0)  # the transports tell their ends
