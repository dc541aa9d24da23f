"""Script calls of many callers in few round trips: what comes while one is on the wire shares the next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from common.store.connection import READ
from common.store.line import Line, packed
from common.store.scripts import REPLICA_MS, Call, TooFewReplicas

#: Calls that share a round trip; who has more goes alone.
CALLS_A_TRIP = 512

Outcome = list[Any] | RedisError
Done = Callable[[Outcome], None]


class _Entry(NamedTuple):
    """What one caller asked for."""

    calls: Sequence[Call]
    done: Done


class GroupCommit:
    """Made and used on one event loop.

    Args:
        client: names the Redis; one connection of its own.
        replicas: how many replicas must have what was written before its caller hears of it.
        patience: seconds that a round trip may take, with the opening of a connection where one is needed.
    """

    def __init__(self, client: Redis, *, replicas: int = 0, patience: float = READ) -> None:
        self._loop = asyncio.get_running_loop()
        self._client = client
        self._line = Line(client.connection_pool, patience)
        self._replicas = replicas
        self._patience = patience
        self._waiting: deque[_Entry] = deque()
        self._idle = self._loop.create_future()  # done when there is something to do
        self._conductor = self._loop.create_task(self._run())

    def submit(self, calls: Sequence[Call], done: Done) -> None:
        """Run `calls`, at least one, in order, each atomic by itself; `done` hears of it, once.

        It gets one entry per call, its result or the RedisError that Redis answered. Or one RedisError, when the
        connection failed or too few replicas have it: which calls ran is not known then; all are safe to repeat.
        """
        self._waiting.append(_Entry(calls, done))
        if not self._idle.done():
            self._idle.set_result(None)

    async def close(self) -> None:
        """Close the connection; who still waits hears a RedisError."""
        self._conductor.cancel()
        await asyncio.wait([self._conductor])
        self._tell_all(self._take_all(), RedisConnectionError("closed"))
        await self._line.close()
        await self._client.aclose()

    async def _run(self) -> None:
        while True:
            if not self._waiting:
                self._idle = self._loop.create_future()
                await self._idle  # and others of this turn of the loop come along
            entries = self._next_trip()
            calls = [call for entry in entries for call in entry.calls]
            try:
                results = await self._trip(calls)
            except RedisError as error:
                # Redis would not answer those either who came meanwhile; who asks again finds a new connection.
                self._tell_all([*entries, *self._take_all()], error)
                continue
            except asyncio.CancelledError:
                self._tell_all(entries, RedisConnectionError("closed"))
                raise
            at = 0
            for entry in entries:
                end = at + len(entry.calls)
                self._tell(entry, results[at:end])
                at = end

    def _next_trip(self) -> list[_Entry]:
        waiting = self._waiting
        entries = [waiting.popleft()]
        size = len(entries[0].calls)
        while waiting and (size := size + len(waiting[0].calls)) <= CALLS_A_TRIP:
            entries.append(waiting.popleft())
        return entries

    async def _trip(self, calls: Sequence[Call]) -> list[Any]:
        """One result per call. When the connection is lost on the way, all is sent once more."""
        try:
            async with asyncio.timeout(self._patience):
                try:
                    return await self._sent(calls)
                except RedisTimeoutError:
                    raise
                except RedisConnectionError:
                    return await self._sent(calls)
        except TimeoutError as error:
            self._line.drop()
            raise RedisTimeoutError(f"no answer within {self._patience:g} s") from error
        except OSError as error:
            raise RedisConnectionError(str(error)) from error

    async def _sent(self, calls: Sequence[Call]) -> list[Any]:
        results = await self._call(calls, load=False)
        forgotten = next((i for i, result in enumerate(results) if isinstance(result, NoScriptError)), None)
        if forgotten is not None:  # it and all after it run again, so that the order holds
            results = results[:forgotten] + await self._call(calls[forgotten:], load=True)
        return results

    async def _call(self, calls: Sequence[Call], *, load: bool) -> list[Any]:
        sources = {call.script.sha: call.script.source for call in calls} if load else {}
        blobs = [packed(("SCRIPT", "LOAD", source)) for source in sources.values()]
        blobs += [packed(("EVALSHA", call.script.sha, 0, *call.args)) for call in calls]
        if self._replicas:
            blobs.append(packed(("WAIT", self._replicas, REPLICA_MS)))
        replies = await self._line.call(b"".join(blobs), len(blobs))
        if any(_demoted(reply) for reply in replies):
            self._line.drop()  # it was the primary once; the next connection goes to the new one
        reached = replies.pop() if self._replicas else 0
        if isinstance(reached, RedisError):
            self._line.drop()
            raise reached
        if reached < self._replicas:
            raise TooFewReplicas(f"{reached} of {self._replicas} replicas have it")
        return replies[len(sources) :]

    def _take_all(self) -> list[_Entry]:
        entries = list(self._waiting)
        self._waiting.clear()
        return entries

    def _tell_all(self, entries: Sequence[_Entry], error: RedisError) -> None:
        for entry in entries:
            self._tell(entry, error)

    def _tell(self, entry: _Entry, outcome: Outcome) -> None:
        try:
            entry.done(outcome)
        except Exception as error:  # noqa: BLE001  one caller's fault is not the others'
            self._loop.call_exception_handler({"message": "a caller of GroupCommit failed", "exception": error})


def _demoted(reply: Any) -> bool:
    """In a script's error, Redis 6.2 wraps the word."""
    return isinstance(reply, ReadOnlyError) or (isinstance(reply, ResponseError) and "READONLY" in str(reply))
