"""Writing how runs ended: all of one moment in one script, as often as it takes."""

from __future__ import annotations

import asyncio
import time

from redis.exceptions import OutOfMemoryError, ReadOnlyError, ResponseError

from workers.engine.scripts import FINISH
from workers.engine.state import BATCH, REDIS_ERRORS, Patience, State, log

GATHER = 0.002  # seconds to let more endings come before a small batch
GIVE_UP = 30.0  # seconds of refusals that are not an outage; then their leases run out and the jobs run again


class Endings:
    """The finish loop."""

    def __init__(self, state: State, *, keep_finished: int, keep_failed: int) -> None:
        self._state = state
        self._keep = (keep_finished, keep_failed)
        self.trips = 0

    async def run(self) -> None:
        state = self._state
        while True:
            await state.ended.wait()
            if len(state.pending) < state.worth and state.running:
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
            args = [arg for run, at in state.writing for arg in run.row(at, server)]
            try:
                moved, bad = await state.call(FINISH, state.name, *self._keep, *args, server=server)
            except ResponseError as error:
                if time.monotonic() > until and not isinstance(error, ReadOnlyError | OutOfMemoryError):
                    log.exception("%d endings could not be written; their jobs will run again", len(state.writing))
                    state.writing = ()
                await patience.wait(error)
            except REDIS_ERRORS as error:
                await patience.wait(error)
            else:
                self.trips += 1
                state.writing = ()
                for line in bad:
                    log.error("an ending could not be written, its job will run again: %s", line.decode())
                if moved or state.wanted or state.burst:
                    state.kick.set()
