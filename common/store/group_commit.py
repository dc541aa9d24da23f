"""Script calls of many callers in few round trips: what comes while one is on the wire shares the next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from common.store.connection import READ
from common.store.line import Line, packed
from common.store.retell import Recent
from common.store.scripts import REPLICA_MS, Call, TooFewReplicas

#: Calls that share a round trip; who has more goes alone.
CALLS_A_TRIP = 512
#: So many need not wait for the end of this turn of the loop.
CALLS_SOON = 8
TRIPS_AT_ONCE = 4

Outcome = list[Any] | RedisError
Done = Callable[[Outcome], None]


class _Entry(NamedTuple):
    """What one caller asked for."""

    calls: Sequence[Call]
    done: Done


class _Written(NamedTuple):
    """Calls as they go over the wire: `asked` is the calls alone."""

    calls: Sequence[Call]
    asked: bytes
    blob: bytes
    replies: int


class _Trip(NamedTuple):
    """On the wire; `over` when its callers know, `before` when those of the one before it do."""

    entries: Sequence[_Entry]
    written: _Written
    before: asyncio.Future[None] | None
    over: asyncio.Future[None]


class GroupCommit:
    """Made and used on one event loop. What it has told to be stored, it tells again to a Redis that forgot it.

    A few trips are on the wire at a time, so that Redis works while the next ones are gathered. They run, and run again
    after a lost connection, in the order of `submit`.

    Args:
        client: names the Redis; one connection of its own.
        replicas: how many replicas must have what was written before its caller hears of it.
        patience: seconds that a round trip may take, and as many to open a connection where one is needed.
    """

    def __init__(self, client: Redis, *, replicas: int = 0, patience: float = READ) -> None:
        self._loop = asyncio.get_running_loop()
        self._client = client
        self._recent = Recent()
        self._line = Line(client.connection_pool, patience, self._recent)
        self._replicas = replicas
        self._patience = patience
        self._waiting: deque[_Entry] = deque()
        self._size = 0  # calls that wait
        self._called = False  # the end of this turn of the loop will be told
        self._trips: deque[_Trip] = deque()  # on the wire, in order
        self._carried: set[asyncio.Task[None]] = set()  # those that something came between
        self._closed = False
        self._unsent = 0  # trips that are still, or again, to be put on the wire: until then, no other departs
        self._loaded: set[str] = set()  # scripts that were loaded over this connection

    def submit(self, calls: Sequence[Call], done: Done) -> None:
        """Run `calls`, at least one, in order, each atomic by itself; `done` hears of it, once.

        It gets one entry per call, its result or the RedisError that Redis answered. Or one RedisError, when the
        connection failed or too few replicas have it: which calls ran is not known then; all are safe to repeat.
        """
        self._waiting.append(_Entry(calls, done))
        self._size += len(calls)
        if self._size >= CALLS_SOON or not self._trips:
            self._fill()
        if self._waiting and not self._called:
            self._called = True
            self._loop.call_soon(self._turn_is_over)

    async def close(self) -> None:
        """Close the connection; who still waits hears a RedisError."""
        self._closed = True
        carried = list(self._carried)
        for task in carried:
            task.cancel()
        if carried:
            await asyncio.wait(carried)
        self._tell_all(self._take_all(), RedisConnectionError("closed"))
        await self._line.close()
        if left := [trip.over for trip in self._trips]:
            await asyncio.wait(left)
        await self._client.aclose()

    def _turn_is_over(self) -> None:
        self._called = False
        self._fill()

    def _fill(self) -> None:
        while self._waiting and not self._unsent and len(self._trips) < TRIPS_AT_ONCE:
            self._depart()
        self._line.flush()

    def _depart(self) -> None:
        entries = self._next_trip()
        written = self._written([call for entry in entries for call in entry.calls])
        trip = _Trip(entries, written, self._trips[-1].over if self._trips else None, self._loop.create_future())
        self._trips.append(trip)
        sent = self._line.send(written.blob, written.replies)
        if sent is None:
            self._carry_on(trip, None)
        else:
            sent.add_done_callback(partial(self._answered, trip))

    def _answered(self, trip: _Trip, sent: asyncio.Future[list[Any]]) -> None:
        """As nearly always, all is well, and no task of its own is needed."""
        if sent.cancelled() or sent.exception() or any(isinstance(reply, Exception) for reply in sent.result()):
            self._carry_on(trip, sent)
            return
        try:
            results = self._checked(trip.written, sent.result())
        except RedisError as error:
            self._tell_all([*trip.entries, *self._take_all()], error)
        else:
            self._tell_each(trip.entries, results)
        self._landed(trip)

    def _carry_on(self, trip: _Trip, sent: asyncio.Future[list[Any]] | None) -> None:
        self._unsent += 1
        task = self._loop.create_task(self._carry(trip, sent))
        self._carried.add(task)
        task.add_done_callback(self._carried.discard)

    def _landed(self, trip: _Trip) -> None:
        self._trips.remove(trip)
        trip.over.set_result(None)
        self._fill()

    async def _carry(self, trip: _Trip, sent: asyncio.Future[list[Any]] | None) -> None:
        try:
            if self._closed:
                raise RedisConnectionError("closed")
            results = await self._results(trip.written, sent, trip.before)
        except RedisError as error:
            # Redis would not answer those either who came meanwhile; who asks again finds a new connection.
            self._tell_all([*trip.entries, *self._take_all()], error)
        except asyncio.CancelledError:
            self._tell_all(trip.entries, RedisConnectionError("closed"))
            raise
        else:
            self._tell_each(trip.entries, results)
        finally:
            self._unsent -= 1
            self._landed(trip)

    def _next_trip(self) -> list[_Entry]:
        waiting = self._waiting
        entries = [waiting.popleft()]
        size = len(entries[0].calls)
        while waiting and size + len(waiting[0].calls) <= CALLS_A_TRIP:
            entries.append(waiting.popleft())
            size += len(entries[-1].calls)
        self._size -= size
        return entries

    async def _results(
        self, written: _Written, sent: asyncio.Future[list[Any]] | None, before: asyncio.Future[None] | None
    ) -> list[Any]:
        """One per call. When the connection is lost on the way, all is sent once more."""
        if sent is not None:
            try:
                return await self._complete(written, await sent, before)
            except RedisTimeoutError:
                raise
            except RedisConnectionError:
                self._loaded.clear()
        try:
            async with asyncio.timeout(2 * self._patience):
                return await self._again(written.calls, before)
        except TimeoutError as error:
            self._line.drop()
            raise RedisTimeoutError(f"no answer within {self._patience:g} s") from error
        except OSError as error:
            raise RedisConnectionError(str(error)) from error

    async def _again(self, calls: Sequence[Call], before: asyncio.Future[None] | None) -> list[Any]:
        """Those before it come first again."""
        if before:
            await asyncio.wait([before])
        written = self._written(calls)
        return await self._complete(written, await self._line.call(written.blob, written.replies), None)

    async def _complete(
        self, written: _Written, replies: list[Any], before: asyncio.Future[None] | None
    ) -> list[Any]:
        results = self._checked(written, replies)
        forgotten = next((i for i, result in enumerate(results) if isinstance(result, NoScriptError)), None)
        if forgotten is None:
            return results
        self._loaded.clear()  # it and all after it run again, so that the order holds
        return results[:forgotten] + await self._again(written.calls[forgotten:], before)

    def _written(self, calls: Sequence[Call]) -> _Written:
        """Before the calls the scripts that this connection has not seen, after them the wait for replicas."""
        sources = {call.script.sha: call.script.source for call in calls if call.script.sha not in self._loaded}
        self._loaded.update(sources)
        asked = b"".join([packed(("EVALSHA", call.script.sha, 0, *call.args)) for call in calls])
        if not sources and not self._replicas:
            return _Written(calls, asked, asked, len(calls))
        loads = b"".join(packed(("SCRIPT", "LOAD", source)) for source in sources.values())
        wait = packed(("WAIT", self._replicas, REPLICA_MS)) if self._replicas else b""
        return _Written(calls, asked, loads + asked + wait, len(sources) + len(calls) + bool(wait))

    def _checked(self, written: _Written, replies: list[Any]) -> list[Any]:
        if any(_demoted(reply) for reply in replies):
            self._line.drop()  # it was the primary once; the next connection goes to the new one
            self._loaded.clear()
        reached = replies.pop() if self._replicas else 0
        if isinstance(reached, RedisError):
            self._line.drop()
            self._loaded.clear()
            raise reached
        if reached < self._replicas:
            raise TooFewReplicas(f"{reached} of {self._replicas} replicas have it")
        calls = written.calls
        self._recent.add(written.asked, len(calls), {call.script for call in calls})
        return replies[-len(calls) :]

    def _take_all(self) -> list[_Entry]:
        entries = list(self._waiting)
        self._waiting.clear()
        self._size = 0
        return entries

    def _tell_each(self, entries: Sequence[_Entry], results: list[Any]) -> None:
        at = 0
        for entry in entries:
            end = at + len(entry.calls)
            self._tell(entry, results[at:end])
            at = end

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
