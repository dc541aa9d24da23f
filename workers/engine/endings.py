"""Writing how runs ended: all of one moment in one script, as often as it takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import ResponseError

from common.store.outage import is_outage
from workers.engine.claims import Ask, Claims
from workers.engine.run import Run
from workers.engine.state import BATCH, REDIS_ERRORS, Patience, State, log

GATHER = 0.002  # seconds to let more endings come before a small batch
GIVE_UP = 30.0  # seconds of refusals that are not an outage; then their leases run out and the jobs run again


class Endings:
    """The finish loop. The script that writes endings takes new jobs on the way.

    Args:
        claims: asks for them.
        unsaid: told of a run whose last words Redis cannot take, and why.
        keep_finished, keep_failed: jobs kept a queue.
    """

    def __init__(
        self, state: State, claims: Claims, unsaid: Callable[[Run, str], None], *, keep_finished: int, keep_failed: int
    ) -> None:
        self._state, self._claims, self._unsaid = state, claims, unsaid
        self._keep = (keep_finished, keep_failed)
        self.trips = 0

    async def run(self) -> None:
        state = self._state
        while True:
            await state.ended.wait()
            if len(state.pending) < state.worth and state.running and state.busy:
                await self._gather()
            state.writing, state.pending = state.pending[:BATCH], state.pending[BATCH:]
            if not state.pending:
                state.ended.clear()
            await self._write()

    async def _gather(self) -> None:
        """A moment, or until there are enough."""
        state = self._state
        state.ended.clear()
        state.enough = state.worth
        timer = asyncio.get_running_loop().call_later(GATHER, state.ended.set)
        await state.ended.wait()
        timer.cancel()
        state.enough = 1

    async def _write(self) -> None:
        """Until Redis has it: the fence makes repeating safe."""
        state, patience, until = self._state, Patience("finish"), time.monotonic() + GIVE_UP
        while state.writing:
            server = state.db.server
            ask = self._ask()
            try:
                moved, bad, claimed = await state.call(
                    state.scripts.finish, state.name, *self._keep, *self._args(ask, server), server=server
                )
            except REDIS_ERRORS as error:
                self._claims.unheard(ask)
                if isinstance(error, ResponseError) and not is_outage(error) and time.monotonic() > until:
                    log.exception("%d endings could not be written; their jobs will run again", len(state.writing))
                    state.writing = ()
                await patience.wait(error)
            else:
                self.trips += 1
                written, state.writing = state.writing, ()
                self._report(written, bad)
                if ask:
                    self._claims.heard(ask, claimed, server)
                elif moved:
                    state.kick.set()
                if state.wanted or (state.burst and state.idle):
                    state.kick.set()

    def _ask(self) -> Ask | None:
        """Jobs to take on the way, when all is well: a full Redis takes endings, and should not start anything."""
        ends = self._state.writing
        return self._claims.ask() if all(run.ending and run.ending.kind == "ok" for run, _ in ends) else None

    def _args(self, ask: Ask | None, server: str) -> list[Any]:
        state = self._state
        args: list[Any] = [len(state.writing), len(state.queues), *ask.args] if ask else [len(state.writing), 0]
        for run, at in state.writing:
            args += run.row(at, server)
        for run, _ in state.writing:
            args += run.spoken()
        return args

    def _report(self, written: Sequence[tuple[Run, float]], bad: Sequence[Any]) -> None:
        for index, why in zip(bad[::2], bad[1::2], strict=True):
            run = written[index][0]
            log.error("an ending could not be written: %s", why.decode())
            if run.words:
                self._unsaid(run, why.decode())
