"""One connection to Redis that many tasks share: what they say in one turn of the event loop goes out in few writes.

redis-py lends a connection to one command at a time, which costs a write, a read and a dozen awaits each. Here replies
are handed to whoever waits for them in the order in which commands went out, as Redis promises.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import TYPE_CHECKING, Any

import hiredis
from redis._parsers import BaseParser  # the one table from Redis' error codes to redis-py's errors
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError, InvalidResponse, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

if TYPE_CHECKING:
    from common.store.retell import Recent

Reply = Any
MOST = 10_000  # calls on the wire; who comes then waits
FIRST = 0.05  # seconds to the second try to come back by itself
BACK = 0.5  # and from one try to the next at most, for all who have something to tell or must hear it
SOON = 8  # calls that go out at once: Redis works while more of this turn come
CALM = 0.002  # seconds in which nothing went out: then nothing is likely to share the next write
_NOTHING = object()  # the parser's word for: more bytes are needed


def packed(args: Sequence[Any]) -> bytes:
    """A command as it goes over the wire.

    Raises:
        DataError: an argument is neither text, bytes nor a number.
    """
    name = args[0]
    parts = (*name.split(), *args[1:]) if " " in name else tuple(args)
    try:
        return hiredis.pack_command(parts)  # type: ignore[no-any-return]
    except TypeError:
        parts = tuple(bytes(arg) if isinstance(arg, bytearray | memoryview) else arg for arg in parts)
    try:
        return hiredis.pack_command(parts)  # type: ignore[no-any-return]
    except TypeError as error:
        raise DataError(str(error)) from error


class Line:
    """A shared connection, made when it is first needed and again when it was lost.

    Args:
        pool: lends the connection, with login, TLS and the search for the primary done.
        patience: seconds to wait for the oldest reply; then the connection counts as dead.
        recent: meets the server of every new connection first. With it, a lost connection is made anew at once, not
            when it is next needed: what Redis has forgotten is told as soon as it is back.
    """

    def __init__(self, pool: ConnectionPool, patience: float, recent: Recent | None = None) -> None:
        self._pool, self._patience, self._recent = pool, patience, recent
        self._wire: _Wire | None = None
        self._lent: AbstractConnection | None = None
        self._opening: asyncio.Task[_Wire] | None = None
        self._coming_back: asyncio.Task[None] | None = None

    @property
    def server(self) -> str:
        """run_id of the server behind it; "" before the first connection, and when nothing is remembered."""
        return self._recent.server if self._recent else ""

    async def call(self, blob: bytes, replies: int, *, server: str | None = None) -> list[Reply]:
        """Send packed commands, get their replies; an error that Redis answers is among them, not raised.

        With `server`, to that one only: what was decided by what another one knew is not said to it.

        Raises:
            redis.exceptions.ConnectionError, TimeoutError: the connection was lost; whether it ran is not known.
        """
        if not replies:  # nobody would ever hear of it, nor anybody behind it
            return []
        wire = self._wire
        if wire is None or wire.dead:
            wire = await self._open()
        while wire.crowded:
            wire.room.clear()
            await wire.room.wait()
        if server is not None and server != self.server:
            raise RedisConnectionError("another server than before")
        return await wire.send(blob, replies)

    async def close(self) -> None:
        """Give the connection back, closed; a later call makes a new one."""
        tasks = [task for task in (self._coming_back, self._opening) if task and not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._let_go()

    def send(self, blob: bytes, replies: int) -> asyncio.Future[list[Reply]] | None:
        """As `call`, on the connection that is there; None when there is none, or no room on it."""
        wire = self._wire
        return wire.send(blob, replies) if wire and not wire.dead and not wire.crowded else None

    def flush(self) -> None:
        """Write what was said in this turn of the loop now, not at its end."""
        if self._wire:
            self._wire.flush()

    def drop(self) -> None:
        """Use this connection no more: the server behind it is not the primary."""
        if self._wire:
            self._wire.end(RedisConnectionError("the primary has moved"))

    async def _open(self) -> _Wire:
        """All who need it wait for the same new connection; it is made to its end even when none of them waits."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._connect(), context=Context())
            self._opening.add_done_callback(_heard)
        opening = self._opening
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            if opening.cancelled():
                raise RedisConnectionError("the client was closed") from None
            raise

    async def _connect(self) -> _Wire:
        await self._let_go()
        lent = self._lent = await self._pool.get_connection()
        wire = _Wire(lent, self._patience, self._lost)
        if self._recent is not None:
            try:
                await self._recent.greet(wire.send)
            except BaseException:
                wire.end(RedisConnectionError("the server is not ready"))
                raise
        if wire.dead:
            raise RedisConnectionError("the connection was lost")
        self._wire = wire
        return wire

    async def _let_go(self) -> None:
        wire, lent = self._wire, self._lent
        self._wire = self._lent = None
        if wire:
            wire.end(RedisConnectionError("the client was closed"))
        if lent:
            await lent.disconnect(nowait=True)
            await self._pool.release(lent)

    def _lost(self, wire: _Wire) -> None:
        if wire is self._wire and self._recent is not None and (not self._coming_back or self._coming_back.done()):
            self._coming_back = asyncio.create_task(self._come_back(), context=Context())

    async def _come_back(self) -> None:
        pause = FIRST
        while True:
            try:
                await self._open()
            except (RedisError, OSError):
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, BACK)
            else:
                return


def _heard(opening: asyncio.Task[_Wire]) -> None:
    """Whoever waits for it is told; nobody needs to."""
    if not opening.cancelled():
        opening.exception()


class _Wire(asyncio.Protocol):
    """Takes the socket of a connection that is logged in, and its place as the protocol of it."""

    def __init__(self, lent: AbstractConnection, patience: float, lost: Callable[[_Wire], None]) -> None:
        writer = lent._writer  # noqa: SLF001  redis-py has no door to the socket; a contract test watches this one
        assert writer is not None  # noqa: S101  a lent connection is connected
        encoder = lent.encoder
        text = {"encoding": encoder.encoding, "errors": encoder.encoding_errors} if encoder.decode_responses else {}
        self._parser = hiredis.Reader(
            protocolError=InvalidResponse, replyError=BaseParser.parse_error, notEnoughData=_NOTHING, **text
        )
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Call] = deque()
        self._out: list[bytes] = []
        self.room = asyncio.Event()
        self._flushed = 0.0  # loop time of the last write
        self._full = False  # the socket takes no more at the moment
        self._patience, self._lost = patience, lost
        self._watch: asyncio.TimerHandle | None = None
        self.dead = False
        self._transport: Any = writer.transport
        self._before: Any = self._transport.get_protocol()
        self._transport.set_protocol(self)
        if self._transport.is_closing():  # lost since it was lent: nobody would be told again
            self.dead = True

    @property
    def crowded(self) -> bool:
        return not self.dead and (self._full or len(self._waiting) >= MOST)

    def send(self, blob: bytes, replies: int) -> asyncio.Future[list[Reply]]:
        """Queue it for the end of this turn of the loop, or until there are a few; in calm weather it goes at once."""
        call = _Call(self._loop, replies)
        if self.dead:
            call.future.set_exception(RedisConnectionError("the connection was lost"))
            return call.future
        calm = call.at - self._flushed > CALM
        if not (self._out or calm):
            self._loop.call_soon(self.flush)
        self._out.append(blob)
        self._waiting.append(call)
        if self._watch is None:
            self._watch = self._loop.call_later(self._patience, self._look)
        if calm or len(self._out) >= SOON:
            self.flush()
        return call.future

    def end(self, error: Exception) -> None:
        """Fail whoever waits."""
        if self.dead:
            return
        self.dead = True
        if self._watch:
            self._watch.cancel()
        self._transport.close()
        while self._waiting:
            future = self._waiting.popleft().future
            if not future.done():
                future.set_exception(error)
        self.room.set()
        self._lost(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed(data)
        try:
            while (reply := self._parser.gets()) is not _NOTHING:
                if not isinstance(reply, hiredis.PushNotification):
                    self._answer(reply)
        except (InvalidResponse, IndexError) as error:
            self.end(RedisConnectionError(f"the answer cannot be read: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(RedisConnectionError(f"the connection was lost: {exc or 'closed by the server'}"))
        self._before.connection_lost(exc)  # whoever closes the connection waits for this

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self.room.set()

    def flush(self) -> None:
        blob = b"".join(self._out)
        self._out.clear()
        self._flushed = self._loop.time()
        if blob and not self.dead:
            self._transport.write(blob)

    def _answer(self, reply: Reply) -> None:
        call = self._waiting[0]
        call.replies.append(reply)
        if len(call.replies) == call.wanted:
            self._waiting.popleft()
            if not call.future.done():  # its task may have been cancelled
                call.future.set_result(call.replies)
            if len(self._waiting) == MOST - 1:
                self.room.set()

    def _look(self) -> None:
        """Replies come in order: when the oldest is late, all are."""
        self._watch = None
        if not self._waiting:
            return
        late = self._waiting[0].at + self._patience - self._loop.time()
        if late <= 0:
            self.end(RedisTimeoutError(f"no answer within {self._patience:g} s"))
        else:
            self._watch = self._loop.call_later(late, self._look)


class _Call:
    """Commands of one caller, and the replies so far."""

    __slots__ = ("at", "future", "replies", "wanted")

    def __init__(self, loop: asyncio.AbstractEventLoop, wanted: int) -> None:
        self.at = loop.time()
        self.future: asyncio.Future[list[Reply]] = loop.create_future()
        self.replies: list[Reply] = []
        self.wanted = wanted
