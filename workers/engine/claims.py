"""Taking jobs: a free slot first, then one script that pops and starts."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Callable, Sequence
from secrets import token_hex
from typing import Any, NamedTuple

from common.clock import iso
from common.queueing import keys
from common.store.scripts import Arg
from workers.engine.run import BACK, Claimed, Run, from_claim
from workers.engine.state import REDIS_ERRORS, Patience, State, log

GATHER = 0.002  # seconds to let slots come free before a small claim
POLL = 1.0  # seconds between looks when no token came: stock clients push none
BACKLOG = 128  # unwritten endings at which claiming stops: Redis is slower than the jobs


class Ask(NamedTuple):
    """A claim: at most so many, when it was made, and its arguments but for the worker's name."""

    most: int
    at: float
    args: tuple[Arg, ...]


class Claims:
    """The claim loop and its waker."""

    def __init__(self, state: State, start: Callable[[Run], None]) -> None:
        self._state = state
        self._start = start
        self._hungry = asyncio.Event()
        self._asked: Ask | None = None  # on its way, with endings or alone
        self._mark, self._count = token_hex(8), itertools.count()  # of executions: which claim, then which of its jobs
        self._doubt = True  # a claim may have run unheard
        self.trips = 0

    async def run(self) -> None:
        """Claim until the worker stops; in a burst, until the queues are empty and all is written."""
        state, patience, gathered = self._state, Patience("claim"), False
        while not state.stopping:
            if 0 < state.free < state.worth and state.busy and not gathered:
                gathered = True
                await self._wait_for(state.worth, GATHER)
                continue
            gathered = False
            state.kick.clear()  # before the claim: a kick during it must not be lost
            if state.free <= 0 or self._asked or len(state.pending) > BACKLOG:
                await self._wait_for(1)
                continue
            try:
                if self._doubt:
                    await self._return_orphans()
                wait = await self._claim()
            except REDIS_ERRORS as error:
                self._doubt = True
                await patience.wait(error)
                continue
            patience.reset()
            if wait is None:
                self._hungry.clear()
            elif state.burst and state.idle and wait < 0 and not state.kick.is_set():
                return
            else:
                await self._sleep(wait)

    async def _claim(self) -> float | None:
        """None: a full batch, there may be more. Else seconds until a limited queue may go on; negative: no such."""
        state = self._state
        ask = self._asked = self._new()
        self.trips += 1
        server = state.db.server
        most, *others = ask.args
        try:
            claimed = await state.call(state.scripts.claim, most, state.name, *others, server=server)
        finally:
            self._asked = None
        return self._begin(ask, claimed, server)

    def _new(self) -> Ask:
        state, now = self._state, time.time()
        most = min(state.free, state.share)
        return Ask(most, now, (most, state.lease_arg, iso(now), f"{self._mark}{next(self._count):x}x", *state.queues))

    def _begin(self, ask: Ask, claimed: Sequence[Any], server: str) -> float | None:
        wait, *rows = claimed
        for row in rows:
            self._start(from_claim(row, self._state.name, ask.at, server))
        return None if len(rows) == ask.most else int(wait) / 1e6

    # -- jobs that are taken as others end --------------------------------------------------------------------------

    def ask(self) -> Ask | None:
        """Free slots, for the script that writes endings to fill: `heard` or `unheard` must follow. None: not now."""
        state = self._state
        if state.free <= 0 or state.stopping or self._doubt or self._asked:
            return None
        self._asked = self._new()
        return self._asked

    def heard(self, ask: Ask, claimed: Sequence[Any], server: str) -> None:
        """Start what it brought."""
        self._asked = None
        wait = self._begin(ask, claimed, server)
        if wait is None or wait >= 0:
            self._state.kick.set()

    def unheard(self, ask: Ask | None) -> None:
        """The connection was lost: it may have taken some."""
        if ask:
            self._asked, self._doubt = None, True
            self._state.kick.set()

    async def _wait_for(self, slots: int, seconds: float = math.inf) -> None:
        """Until so many are free, or anything else kicks."""
        self._state.wanted = slots
        await self._kicked(seconds)
        self._state.wanted = 0

    async def _sleep(self, wait: float) -> None:
        """Until a token, a free lane, a freed slot or the limiter says so."""
        self._hungry.set()
        await self._kicked(wait if wait >= 0 else math.inf)

    async def _kicked(self, seconds: float) -> None:
        timer = asyncio.get_running_loop().call_later(seconds, self._state.kick.set) if seconds < math.inf else None
        await self._state.kick.wait()
        if timer:
            timer.cancel()

    async def wake(self) -> None:
        """Take wake tokens while the claim loop has slots and nothing to do."""
        state, patience = self._state, Patience("wake")
        tokens = [keys.wake(queue) for queue in state.queues]
        while not state.over:  # a cancel alone is not enough: BLPOP can swallow it
            await self._hungry.wait()
            if state.stopping:
                return
            try:
                hit = await state.db.blocking("BLPOP", *tokens, POLL, seconds=POLL)
                if hit and state.free <= 0:  # leave it to others
                    await state.db.lpush(hit[0], 1)
                    self._hungry.clear()
            except REDIS_ERRORS as error:
                self._doubt = True  # a claim's own connection may come back before it is missed
                await patience.wait(error)
                continue
            patience.reset()
            state.kick.set()

    async def _return_orphans(self) -> None:
        """Give back what a claim of ours took without our hearing of it; else it would wait for its lease to end."""
        state = self._state
        mine = {f"{job}:{execution}" for _, job, execution in (run.lease for run in state.held)}
        found: set[Any] = await state.db.smembers(keys.worker_executions(state.name))
        listed = {key.decode() for key in found}
        for key in listed - mine:
            job_id, _, execution = key.rpartition(":")
            queue: Any = await state.db.hget(keys.job(job_id), "origin")
            run = from_claim(Claimed(queue or b"", job_id.encode(), execution.encode()), state.name, time.time())
            run.ending = BACK
            log.info("job %s was claimed unheard: given back", job_id)
            state.end(run)
        self._doubt = False
