"""An asyncio Redis client whose commands share one connection (`line`), with the interface of redis-py's.

What needs a connection for itself (a blocking read, pub/sub, WATCH) still borrows one from the pool.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

from redis.asyncio.client import Pipeline
from redis.client import EMPTY_RESPONSE, NEVER_DECODE
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ExecAbortError, ReadOnlyError, RedisError, WatchError

from common.store.line import Line, Reply, packed
from common.store.retell import Recent
from common.store.scripts import Exchanging
from common.store.sockets import name_losses

PATIENCE = 5.0  # seconds, when the client has no socket time-out

#: Commands that hold their connection, or change what it is.
ALONE = frozenset((
    "BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP", "XREAD", "XREADGROUP", "WAIT",
    "WAITAOF", "SUBSCRIBE", "UNSUBSCRIBE", "PSUBSCRIBE", "PUNSUBSCRIBE", "SSUBSCRIBE", "SUNSUBSCRIBE", "MONITOR",
    "WATCH", "UNWATCH", "MULTI", "EXEC", "DISCARD", "SELECT", "AUTH", "HELLO", "RESET", "QUIT", "CLIENT", "SHUTDOWN",
    "DEBUG", "SYNC", "PSYNC", "FAILOVER", "READONLY", "READWRITE", "ASKING", "HIMPORT",
))  # fmt: skip
_ODD = (EMPTY_RESPONSE, NEVER_DECODE)
T = TypeVar("T")


class Multiplexed(Exchanging):
    """For one event loop, as every asyncio client. Commands of many tasks go out together; a cancelled one is heard to
    its end and dropped, so that no connection is lost with it."""

    #: Told to a server that may have forgotten it; set before the first command, or not at all.
    recent: Recent | None = None
    _shared: Line | None = None
    _reading: Line | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        name_losses(self.connection_pool)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        name = args[0]
        if _alone(name) or (options and any(odd in options for odd in _ODD)):
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        blob = packed(args)
        try:
            (reply,) = await self._line.call(blob, 1)
        except (RedisConnectionError, OSError) as error:
            (reply,) = await self._again(error, lambda: self._line.call(blob, 1))
        if isinstance(reply, RedisError):
            raise self.heard(reply)
        if name in self.response_callbacks:
            return await said(self.response_callbacks, name, reply, options)
        return reply

    @property
    def server(self) -> str:
        """run_id of the server that answers; "" before the first command, and without `recent`."""
        return self._line.server

    def on(self, server: str) -> OnServer:
        """For commands that only make sense on the server that is named."""
        return OnServer(self, server)

    async def execute_on(self, server: str, *args: Any) -> Any:
        """One command, its reply as Redis gave it.

        Raises:
            RedisError: as `execute_command`; ConnectionError also when another server answers now: it was not sent.
        """
        (reply,) = await self._line.call(packed(args), 1, server=server)
        if isinstance(reply, RedisError):
            raise self.heard(reply)
        return reply

    async def blocking(self, *args: Any, seconds: float) -> Any:
        """A read that blocks for up to `seconds` (which `args` say in their own way), on a line for such reads only:
        meant for one task that does it over and over.

        Raises:
            RedisError: whether it ran is not known.
        """
        if self._reading is None:
            self._reading = Line(self.connection_pool, self._patience + seconds)
        (reply,) = await self._reading.call(packed(args), 1)
        if isinstance(reply, RedisError):
            raise self.heard(reply)
        return reply

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> MultiplexedPipeline:
        pipe = MultiplexedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        pipe.owner = self
        return pipe

    async def exchange(self, commands: Sequence[Sequence[Any]]) -> list[Reply]:
        """Send commands next to each other; a reply, or the error, of each."""
        blob = b"".join(map(packed, commands))
        try:
            replies = await self._line.call(blob, len(commands))
        except (RedisConnectionError, OSError) as error:
            replies = await self._again(error, lambda: self._line.call(blob, len(commands)))
        for reply in replies:
            if isinstance(reply, RedisError):
                self.heard(reply)
        return replies

    async def _again(self, error: Exception, call: Callable[[], Awaitable[T]]) -> T:
        """The call whose connection was lost with `error` is tried again, as often as the client's retry says."""
        retry = self.get_retry()
        if retry is None or retry.get_retries() < 1:
            raise error
        failure = [error]  # the first try is over; the retry's own begins with its pause
        return await retry.call_with_retry(lambda: _unless(failure, call), _ignore)

    def heard(self, error: RedisError) -> RedisError:
        """Redis answered `error`: when the primary has moved, the next command looks for it."""
        if isinstance(error, ReadOnlyError) or "READONLY" in str(error):  # in a script's error, 6.2 wraps the word
            for line in (self._shared, self._reading):
                if line:
                    line.drop()
        return error

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        for line in (self._shared, self._reading):
            if line:
                await line.close()
        await super().aclose(close_connection_pool)

    @property
    def _line(self) -> Line:
        if self._shared is None:
            self._shared = Line(self.connection_pool, self._patience, self.recent)
        return self._shared

    @property
    def _patience(self) -> float:
        return float(self.connection_pool.connection_kwargs.get("socket_timeout") or PATIENCE)


class OnServer(NamedTuple):
    """What `Script.run` needs of a client, for one server."""

    client: Multiplexed
    server: str

    async def execute_command(self, *args: Any, **_options: Any) -> Any:
        return await self.client.execute_on(self.server, *args)


class MultiplexedPipeline(Pipeline):
    """As redis-py's; with `transaction`, MULTI to EXEC go out in one piece."""

    owner: Multiplexed

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        stack = self.command_stack
        odd = any(_alone(args[0]) or any(name in options for name in _ODD) for args, options in stack)
        if self.watching or self.scripts or self.connection or odd:
            return await super().execute(raise_on_error)
        if not stack:
            return []
        try:
            commands = [args for args, _ in stack]
            if self.is_transaction or self.explicit_transaction:
                replies = _of_exec(await self.owner.exchange([("MULTI",), *commands, ("EXEC",)]))
            else:
                replies = await self.owner.exchange(commands)
            if raise_on_error:
                self.raise_first_error(stack, replies)
            callbacks = self.response_callbacks
            return [
                reply if isinstance(reply, Exception) else await said(callbacks, args[0], reply, options)
                for reply, (args, options) in zip(replies, stack, strict=True)
            ]
        finally:
            await self.reset()  # type: ignore[no-untyped-call]


async def said(callbacks: Mapping[Any, Any], name: Any, reply: Reply, options: Mapping[str, Any]) -> Any:
    """A reply in the shape that redis-py gives to it."""
    callback = callbacks.get(name)
    if callback is None:
        return reply
    shaped = callback(reply, **{key: value for key, value in options.items() if key != "keys"})
    return await shaped if inspect.isawaitable(shaped) else shaped


def _of_exec(replies: list[Reply]) -> list[Reply]:
    """What EXEC says of each command; the first refusal, when it was not run."""
    *queued, result = replies
    if isinstance(result, Exception):
        raise next((reply for reply in queued if isinstance(reply, Exception)), result)
    if result is None:
        raise WatchError("Watched variable changed.")
    if not isinstance(result, list):
        raise ExecAbortError("EXEC gave no list")
    return result


@cache
def _alone(name: str | bytes) -> bool:
    word = name.decode() if isinstance(name, bytes) else str(name)
    return word.upper().partition(" ")[0] in ALONE


async def _unless(failure: list[Exception], call: Callable[[], Awaitable[T]]) -> T:
    if failure:
        raise failure.pop()
    return await call()


async def _ignore(_error: Exception) -> None:
    """The line makes a new connection by itself."""
