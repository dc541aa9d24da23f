"""HTTP/1.1 of one client: parsed by llhttp, one request at a time, in order, within bounds of size and time."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from webhook_app.front.exchange import Exchange, refusal
from webhook_app.problems import Problem, unavailable
from webhook_app.receiver import MAX_BODY, too_long

#: Bytes of request line and headers.
MAX_HEAD = 32 * 1024
#: Seconds from the first byte of a request to its last; seconds that a connection may be idle.
REQUEST_SECONDS, IDLE_SECONDS = 20.0, 75.0
#: After a refusal, what still comes is thrown away for so many seconds: a client that is cut off while it sends would
#: not read the answer.
LINGER_SECONDS = 5.0
_NEVER = float("inf")


class House(Protocol):
    """What all connections share."""

    closing: bool

    def enter(self, connection: Connection) -> bool:
        """Whether there is room for one more."""
        ...

    def leave(self, connection: Connection) -> None: ...

    def hold(self, size: int) -> bool:
        """Whether `size` more bytes of bodies may be kept; negative: so many are let go."""
        ...

    def take(self, exchange: Exchange) -> None:
        """See to its answer, now or later."""
        ...


class Connection(asyncio.Protocol):
    """One client. `deadline` is the monotonic time at which `expire` is due."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._parser = HttpRequestParser(self)
        self._ready: deque[Exchange | Problem] = deque()
        self._busy: Exchange | None = None  # being answered
        self._working = False  # inside _work, further up the stack
        self._refused = False  # nothing more is read
        self._paused = False
        self._reading = False  # between the first byte of a request and its last
        self._heading = False  # and its headers are not complete
        self._ended = False  # the client sends no more
        self._held = 0  # bytes of bodies, counted by the house
        self._head = self._size = 0  # bytes of headers and body of the request that comes in
        self._silent = 0  # bytes of which the parser has not told yet: a header may have no end
        self.deadline = _NEVER

    # --- called by the loop -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.deadline = time.monotonic() + REQUEST_SECONDS
        name = transport.get_extra_info("peername")
        self._peer = str(name[0]) if isinstance(name, tuple) else ""
        if not self._house.enter(self):
            self._refused = True
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._refused = True
        self._ready.clear()
        self._house.hold(-self._held)
        self._held = 0
        self._house.leave(self)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._silent += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._refused = True  # answered as what it is without the upgrade, then closed
        except HttpParserError:
            self._refuse(Problem(400, "bad-request", "This is not HTTP/1.1."))
        if self._silent > MAX_HEAD:
            self._too_much()
        self._work()
        if self._ready and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._ended = True
        return bool(self._busy or self._ready)  # they still get their answers

    # --- called by the parser -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._reading = self._heading = True
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._chunks: list[bytes] = []
        self._head = self._size = self._silent = 0
        self.deadline = time.monotonic() + REQUEST_SECONDS

    def on_url(self, part: bytes) -> None:
        self._target += part
        self._grow(len(part))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._grow(len(name) + len(value))
        if self._heading:  # else it is a trailer
            name = name.lower()
            before = self._headers.get(name)
            self._headers[name] = value if before is None else before + b"," + value

    def on_headers_complete(self) -> None:
        self._heading = False
        if self._refused:
            return
        if int(self._headers.get(b"content-length", b"0")) > MAX_BODY:
            self._refuse(too_long())
        elif b"expect" in self._headers and not self._busy:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        if self._refused:
            return
        self._silent = 0
        self._size += len(part)
        if self._size > MAX_BODY:
            self._refuse(too_long())
        elif not self._house.hold(len(part)):
            self._refuse(unavailable())
        else:
            self._held += len(part)
            self._chunks.append(part)

    def on_message_complete(self) -> None:
        self._reading = False
        if self._refused:
            return
        parser, chunks = self._parser, self._chunks
        version = parser.get_http_version()
        keep = parser.should_keep_alive() and not parser.should_upgrade() and version == "1.1"
        self.deadline = _NEVER
        self._silent = 0
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        method = parser.get_method().decode("latin-1")
        exchange = Exchange(self, method, self._target, version, self._headers, body, keep=keep, peer=self._peer)
        self._ready.append(exchange)

    # --- answers ------------------------------------------------------------------------------------------------------

    @property
    def closing(self) -> bool:
        """No further request will be taken here."""
        return self._ended or self._house.closing

    def answered(self, data: bytes, *, keep: bool) -> None:
        """The current request is answered by `data`."""
        done, self._busy = self._busy, None
        if done and self._held:
            self._house.hold(-len(done.body))
            self._held -= len(done.body)
        if self._transport.is_closing():
            return
        self._transport.write(data)
        if not keep:
            self._ready.clear()
            self._refused = True
            self.deadline = time.monotonic() + IDLE_SECONDS  # for a client that does not read
            self._transport.close()
        elif not self._working:
            self._work()

    def retire(self) -> None:
        """Close it now, or once what is going on is answered."""
        if not (self._busy or self._ready or self._reading):
            self._transport.close()

    def expire(self) -> None:
        """Its time is over."""
        if self._reading and not self._refused:
            self._refuse(Problem(408, "too-slow", f"A request has to come in within {REQUEST_SECONDS:g} seconds."))
            self._work()
        else:
            self._transport.abort()

    def _work(self) -> None:
        self._working = True
        while self._ready and not self._busy:
            found = self._ready.popleft()
            if isinstance(found, Problem):
                self._farewell(found)
            else:
                self._busy = found
                self._house.take(found)
        self._working = False
        if self._ready or self._busy or self._refused:
            return
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        if not self._reading:
            self.deadline = time.monotonic() + IDLE_SECONDS

    def _grow(self, size: int) -> None:
        self._silent = 0
        self._head += size
        if self._head > MAX_HEAD:
            self._too_much()

    def _too_much(self) -> None:
        self._refuse(Problem(431, "head-too-long", f"Request line and headers may have {MAX_HEAD} bytes."))

    def _refuse(self, problem: Problem) -> None:
        """Read no further; the answer comes after those of the requests before."""
        if not self._refused:
            self._refused = True
            self._chunks = []
            self._ready.append(problem)

    def _farewell(self, problem: Problem) -> None:
        self._transport.write(refusal(problem, keep=False))
        self._transport.write_eof()
        self.deadline = time.monotonic() + LINGER_SECONDS
