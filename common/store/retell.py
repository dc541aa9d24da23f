"""Retelling: what a Redis confirmed of late is told again to one that may have forgotten it.

A Redis that dies, or whose replica takes over, can come back without the last moments that it had confirmed. Whoever
was told so still knows them: a process keeps its calls for a few seconds, and says them first to a server that is not
the one it knew. Decision: docs/decisions/0004-retelling.md.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from common.logs import get_logger
from common.store.line import packed
from common.store.scripts import Call, Script

#: Seconds that calls are kept; how many, and how many bytes of them.
KEPT, MOST_CALLS, MOST_BYTES = 10.0, 10_000, 12 * 1024 * 1024
#: Seconds that a process which acts on what it reads waits before it does so on a server it did not know: longer than
#: BACK, so that everybody has told what he knows.
HOLD = 1.0
_YOUNG = 2  # seconds: a server of that age has just been started, and others may have known the one before
_NOTED = 1_000  # bytes that a call counts which is not made yet
_TOGETHER = 64  # entries on the wire at a time
_NOT_NOW = ("LOADING", "READONLY", "MASTERDOWN")  # in a script's error, Redis 6.2 wraps the word

#: Sends packed commands over a connection; one reply, or the error, of each.
Send = Callable[[bytes, int], Awaitable[list[Any]]]

log = get_logger("redis")


class _Entry(NamedTuple):
    at: float  # monotonic
    blob: bytes | Callable[[], Call]  # packed already, or made when it is told, which is nearly never
    size: int
    calls: int
    scripts: Collection[Script]

    def packed(self) -> bytes:
        if isinstance(self.blob, bytes):
            return self.blob
        call = self.blob()
        return packed(("EVALSHA", call.script.sha, 0, *call.args))


class Recent:
    """What one process has confirmed to others, or done, of late. Each call must be safe to repeat, at any time.

    Args:
        kept: seconds that it is kept, measured from the newest: while nothing is added, nothing is forgotten.
        calls, size: how much of it, at most; the oldest goes first.
        hold: seconds that the connection waits after a new server was told, before anything else goes over it.
    """

    def __init__(
        self, *, kept: float = KEPT, calls: int = MOST_CALLS, size: int = MOST_BYTES, hold: float = 0.0
    ) -> None:
        self._kept, self._most, self._most_size, self._hold = kept, calls, size, hold
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._calls = self._size = 0
        self.server = ""  # run_id of the server that we know; "" when it may not be asked
        self._held_until = 0.0

    @property
    def calls(self) -> int:
        """How many are kept."""
        return self._calls

    def note(self, name: Hashable, script: Script, call: Callable[[], Call]) -> None:
        """Keep one call of `script`, made when it is told, in place of what was noted under this name before."""
        self.forget(name)
        self._keep(name, _Entry(time.monotonic(), call, _NOTED, 1, (script,)))

    def add(self, blob: bytes, calls: int, scripts: Collection[Script]) -> None:
        """Keep `calls` EVALSHA of `scripts`, packed."""
        self._keep(object(), _Entry(time.monotonic(), blob, len(blob), calls, scripts))

    def forget(self, name: Hashable) -> None:
        """What was noted under this name is not so any more."""
        if gone := self._entries.pop(name, None):
            self._calls -= gone.calls
            self._size -= gone.size

    def _keep(self, name: Hashable, entry: _Entry) -> None:
        self._entries[name] = entry
        self._calls += entry.calls
        self._size += entry.size
        until = entry.at - self._kept
        while self._entries:
            oldest = next(iter(self._entries))
            if self._calls <= self._most and self._size <= self._most_size and self._entries[oldest].at >= until:
                return
            self.forget(oldest)

    async def greet(self, send: Send) -> None:
        """Meet the server of a new connection, before anything else goes over it.

        Raises:
            RedisConnectionError: it is not ready, or the connection was lost; nothing may go over it.
        """
        about, alive = await send(packed(("INFO", "server")) + packed(("PING",)), 2)
        _check([alive])  # Redis tells of itself while it still loads its data, and takes nothing yet
        server, age = _known(about)
        if server and server != self.server:
            if self.server:
                await self._tell(send)
            if self.server or age < _YOUNG:
                self._held_until = time.monotonic() + self._hold
            self.server = server
        if (left := self._held_until - time.monotonic()) > 0:
            await asyncio.sleep(left)

    async def _tell(self, send: Send) -> None:
        entries = tuple(self._entries.values())
        sources = {script.sha: script.source for entry in entries for script in entry.scripts}
        if sources:
            _check(await send(b"".join(packed(("SCRIPT", "LOAD", one)) for one in sources.values()), len(sources)))
        told = news = refused = 0
        left = iter(entries)
        while part := tuple(islice(left, _TOGETHER)):
            for replies in await asyncio.gather(*(send(entry.packed(), entry.calls) for entry in part)):
                _check(replies)
                told += len(replies)
                news += sum(isinstance(reply, int) and reply > 0 for reply in replies)
                refused += sum(isinstance(reply, RedisError) for reply in replies)
        say = log.warning if news or refused else log.info
        say("redis is another one than before", told_again=told, news_to_it=news, refused=refused)


def _known(about: Any) -> tuple[str, int]:
    """run_id and seconds since its start, as INFO has them; ('', 0) when it may not be asked."""
    if isinstance(about, RedisError):
        log.warning("redis refuses INFO: what it forgets is not told again", error=str(about))
        return "", 0
    text = about.decode() if isinstance(about, bytes) else str(about)
    found = dict(line.partition(":")[::2] for line in text.splitlines())
    return found.get("run_id", ""), int(found.get("uptime_in_seconds", _YOUNG))


def _check(replies: Sequence[Any]) -> None:
    for reply in replies:
        if isinstance(reply, RedisConnectionError):
            raise reply
        if isinstance(reply, RedisError) and any(word in str(reply) for word in _NOT_NOW):
            raise RedisConnectionError(str(reply)) from reply
