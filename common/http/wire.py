"""One connection, with one exchange on it at a time. Parsed by llhttp."""

from __future__ import annotations

import asyncio
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from common.http.errors import Answer, NoAnswer, TooLarge

#: Bytes of status line and headers, and of what chunks cost.
MAX_HEAD = 64 * 1024
_BODILESS = frozenset({204, 304})


class Wire(asyncio.Protocol):
    """A connection of the pool.

    Attributes:
        closed: not to be used again.
        heard: bytes of the answer that came.
        idle_since: loop time at which its last exchange ended.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parser = HttpResponseParser(self)
        self._pending: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.closed = False
        self.idle_since = 0.0
        self._reset(0)

    def _reset(self, most: int) -> None:
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._most, self._size, self.heard = most, 0, 0
        self._headed = False

    def exchange(self, request: bytes, most: int, until: float) -> asyncio.Future[Answer]:
        """Send a request; its answer, of `most` bytes of body, until that loop time.

        Raises:
            NoAnswer: by the future.
        """
        self._reset(most)
        self._pending = future = self._loop.create_future()
        self._timer = self._loop.call_at(until, self._late)
        assert self._transport is not None  # noqa: S101  exchanges begin after connection_made
        self._transport.write(request)
        return future

    def partial(self) -> Answer | None:
        """What is there of the answer, once its head is complete."""
        return Answer(self._parser.get_status_code(), self._headers, b"".join(self._parts)) if self._headed else None

    def close(self) -> None:
        """End it at once; whoever waits gets NoAnswer."""
        self.closed = True
        self._stop_timer()
        if self._transport:
            self._transport.abort()

    # -- asyncio.Protocol ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.heard += len(data)
        if self.heard > self._most + MAX_HEAD:
            self._fail(TooLarge(f"the answer is longer than {self._most} bytes", self.partial()))
            return
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._fail(NoAnswer("the answer wants another protocol"))
        except HttpParserError:
            self._fail(NoAnswer("the answer is not HTTP", self.partial()))

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self._headed and exc is None and not self._framed:
            self._finish()  # an answer that ends with its connection
        self._fail(NoAnswer(f"the connection was lost{why(exc)}", self.partial()))

    # -- httptools ----------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._pending is None or self._pending.done():  # nobody asked
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._headed = True

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > self._most:
            self._fail(TooLarge(f"the answer is longer than {self._most} bytes", self.partial()))
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:  # an interim answer: the real one follows
            self._reset(self._most)
            return
        self.closed = self.closed or not (self._framed and self._parser.should_keep_alive())
        self._finish()

    @property
    def _framed(self) -> bool:
        """Whether the answer says itself where it ends."""
        headers = self._headers
        return (
            "content-length" in headers
            or "chunked" in headers.get("transfer-encoding", "").lower()
            or self._parser.get_status_code() in _BODILESS
        )

    def _finish(self) -> None:
        self._stop_timer()
        if self._pending and not self._pending.done() and (answer := self.partial()):
            self._pending.set_result(answer)
        if self.closed:
            self.close()

    def _fail(self, error: NoAnswer) -> None:
        if self._pending and not self._pending.done():
            self._pending.set_exception(error)
        self.close()

    def _late(self) -> None:
        self._fail(NoAnswer("no whole answer in time", self.partial(), late=True))

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


def why(error: BaseException | None) -> str:
    """The kind of a failure; never its text, which may quote addresses or headers."""
    if error is None:
        return ""
    number = getattr(error, "errno", None)
    return f" ({type(error).__name__}, errno {number})" if number else f" ({type(error).__name__})"
