"""Posts to Graph of this process: each goes to its end, and is remembered for a while.

What becomes of a post is known here first, and for a moment only here: Redis may be away as the answer comes, it may
come back without knowing of the bubble, and the job may be cancelled meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import structlog

from common.clock import Clock
from common.conversations.commands import day
from common.conversations.scripts import TELL_SEND
from common.errors import ChannelError, RelevoError, SendOutcomeUnknown
from common.graph.client import Accepted
from common.messages import digest
from common.store.retell import Recent
from common.store.scripts import Call
from common.store.vault import Vault

log = structlog.get_logger("delivery")

KEPT = 30.0  # seconds that a post is remembered here

Write = Callable[[Sequence[Call]], Awaitable[Any]]


class Bubble(NamedTuple):
    """An outbound message on its way; `answers` is a JSON list of the mids it answers, or nothing."""

    tenant: str
    mid: str
    execution: str
    answers: str = ""


class Posts:
    """What this process posts and has posted within the last seconds.

    Args:
        recent: told to a Redis that may have forgotten it.
        write: runs calls, however long it takes.
        ttl: seconds that a message is kept.
        settle: seconds after which a bubble of unknown fate may be sent again.
    """

    def __init__(self, recent: Recent, write: Write, vault: Vault, clock: Clock, *, ttl: int, settle: float) -> None:
        self._recent, self._write, self._vault, self._clock = recent, write, vault, clock
        self._ttl, self._settle = ttl, settle
        self._made: OrderedDict[str, _Made] = OrderedDict()
        self._alone: set[asyncio.Task[None]] = set()

    async def post(
        self, bubble: Bubble, sending: Coroutine[Any, Any, Accepted], settled: Callable[[str], Call]
    ) -> Call:
        """Post `bubble` by awaiting `sending`; returns `settled` of its wamid. Runs to its end when cancelled.

        Raises:
            ChannelError: as `sending`.
        """
        work = asyncio.create_task(self._post(bubble, sending, settled))
        self._remember(bubble.mid, work)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            alone = asyncio.create_task(self._write_alone(bubble.mid, work))
            self._alone.add(alone)
            alone.add_done_callback(self._alone.discard)
            raise

    async def outcome(self, mid: str) -> list[Call]:
        """What settles `mid` as accepted when this process has posted it of late, once it is known; else nothing."""
        made = self._made.get(mid)
        if made is None:
            return []
        if work := made.work:
            await asyncio.wait([work])
            made.settle(work)  # whichever of us hears first
        return [made.call] if made.call else []

    async def _post(
        self, bubble: Bubble, sending: Coroutine[Any, Any, Accepted], settled: Callable[[str], Call]
    ) -> Call:
        mid, told = bubble.mid, partial(self._told, bubble)
        self._recent.note(mid, TELL_SEND, partial(told, self._clock.now(), "sending"))
        try:
            accepted = await sending
        except SendOutcomeUnknown:
            raise  # it may have arrived: that it is being sent is all that is known
        except ChannelError:
            self._recent.forget(mid)
            raise
        self._recent.note(mid, TELL_SEND, partial(told, self._clock.now(), "accepted", accepted.wamid))
        return settled(accepted.wamid)

    async def _write_alone(self, mid: str, work: asyncio.Task[Call]) -> None:
        """Its job is gone; that Graph accepted it is written down all the same."""
        try:
            call = await work
        except RelevoError as error:
            log.warning("a post whose job was cancelled failed", message=mid, error=str(error))
        else:
            await self._write([call])

    def _told(self, bubble: Bubble, now: float, fact: str, wamid: str = "") -> Call:
        sealed = self._vault.seal(wamid.encode()) if wamid else ""
        return Call(
            TELL_SEND,
            (
                bubble.tenant, now, day(now), bubble.mid, bubble.execution, fact, self._ttl, self._settle, sealed,
                digest(wamid) if wamid else "", bubble.answers,
            ),
        )  # fmt: skip

    def _remember(self, mid: str, work: asyncio.Task[Call]) -> None:
        made = _Made(time.monotonic(), work)
        work.add_done_callback(made.settle)
        self._made.pop(mid, None)
        self._made[mid] = made
        while (oldest := next(iter(self._made.values()))).at < made.at - KEPT and not oldest.work:
            self._made.popitem(last=False)


@dataclass(slots=True, eq=False)
class _Made:
    """A post: its task while it runs, then the call that settles it as accepted. A task that is kept keeps its job."""

    at: float
    work: asyncio.Task[Call] | None
    call: Call | None = None

    def settle(self, work: asyncio.Task[Call]) -> None:
        """A job that was cancelled asks no more how its post went."""
        self.work = None
        self.call = None if work.cancelled() or work.exception() else work.result()
