"""Signs of life: registration as RQ has it, leases renewed, dead workers' jobs sent on."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from rq.version import VERSION

from common.clock import iso
from common.queueing import keys
from workers.engine.failure import pack
from workers.engine.run import Claimed, Ending, Run, from_claim, read_work
from workers.engine.scripts import BEAT, MARGIN, REAP
from workers.engine.state import REDIS_ERRORS, Patience, State, log

MOST_LOSSES = 5  # a job whose worker died this often is buried the next time: it may be what kills them
BURIAL = 30  # seconds for the on_dead hook of a job that its reaper buries
LOST = "AbandonedJobError: its worker was lost too often"


class Beats:
    """The heartbeat and the reaper; `each` is called with every beat."""

    def __init__(
        self, state: State, bury: Callable[[Run, str], Awaitable[None]], each: Callable[[], None] = lambda: None
    ) -> None:
        self._state = state
        self._bury = bury
        self._each = each
        self._burials: set[asyncio.Task[None]] = set()
        self._born = time.time()

    async def run(self) -> None:
        state, patience = self._state, Patience("beat")
        while True:
            try:
                self._each()
                await self._beat()
                await self._reap()
                await self.write_timings()
                patience.reset()
                await asyncio.sleep(min(5.0, state.lease / 4))
            except REDIS_ERRORS as error:
                await patience.wait(error)

    async def begin(self) -> None:
        """Register, however long Redis is away as the worker starts."""
        patience = Patience("register")
        while not self._state.stopping:
            try:
                await self.register()
            except REDIS_ERRORS as error:
                await patience.wait(error)
            else:
                return

    @property
    def _worker_ttl(self) -> int:
        return self._state.lease_arg + 60

    async def register(self) -> None:
        """Make the worker known to `rq info`, `Worker.all` and the console."""
        state = self._state
        key, now = keys.worker(state.name), time.time()
        about: dict[Any, Any] = {
            "birth": iso(self._born), "last_heartbeat": iso(now), "queues": ",".join(state.queues), "pid": os.getpid(),
            "hostname": socket.gethostname(), "ip_address": "unknown", "version": VERSION,
            "python_version": sys.version, "state": "idle", "concurrency": state.concurrency,
        }  # fmt: skip
        pipe = state.db.pipeline(transaction=True)
        pipe.hset(key, mapping=about)
        pipe.hdel(key, "death")
        pipe.expire(key, self._worker_ttl)
        pipe.sadd(keys.WORKERS, key)
        for queue in state.queues:
            pipe.sadd(keys.queue_workers(queue), key)
        await pipe.execute()

    async def unregister(self) -> None:
        """The worker leaves in good order."""
        state = self._state
        key = keys.worker(state.name)
        pipe = state.db.pipeline(transaction=True)
        pipe.srem(keys.WORKERS, key)
        for queue in state.queues:
            pipe.srem(keys.queue_workers(queue), key)
        pipe.hset(key, "death", iso(time.time()))
        pipe.expire(key, 60)
        pipe.delete(keys.worker_executions(state.name))
        await pipe.execute()

    async def _beat(self) -> None:
        state = self._state
        runs = state.held
        leases = [part for run in runs for part in run.lease]
        mood = "busy" if state.running else "idle"
        known, *lost = await state.call(
            BEAT, state.name, state.lease_arg, iso(time.time()), mood, self._worker_ttl, *leases
        )
        if not known:  # Redis lost its data, or we were taken for dead
            await self.register()
        for index in lost:
            run = runs[index]
            if run.context.execution in state.running:
                log.warning("job %s: its lease was lost, another worker runs it", run.context.id)
                run.cancel("lost")

    async def write_timings(self) -> None:
        """Add what was measured to the queues' histograms. What is lost with a connection is lost: they are figures."""
        pipe = self._state.db.pipeline(transaction=False)
        for queue, fields in self._state.tally.take().items():
            for name, amount in fields.items():
                pipe.hincrbyfloat(keys.timings(queue), name, amount)
        if len(pipe):
            await pipe.execute()

    async def _reap(self) -> None:
        state = self._state
        back, *dead = await state.call(REAP, MARGIN, MOST_LOSSES, BURIAL, iso(time.time()), *state.queues)
        if back:
            log.warning("%d jobs of lost workers go back to their queues", back)
            state.kick.set()
        for row in dead:
            task = asyncio.create_task(self._bury_lost(row))
            self._burials.add(task)
            task.add_done_callback(self._burials.discard)

    async def _bury_lost(self, row: list[Any]) -> None:
        """First the hook, then the ending: should this worker die too, the next reaper does it again."""
        queue, job_id, execution, data, failure_ttl, lane = row
        claimed = Claimed(queue, job_id, execution, data, failure_ttl=failure_ttl, lane=lane)
        run = from_claim(claimed, self._state.name, time.time())
        try:
            run.work = read_work(data or b"")
        except ValueError:
            log.warning("job %s: its data cannot be read", run.context.id)
        log.error("job %s: %s", run.context.id, LOST)
        await self._bury(run, LOST)
        run.ending = Ending("failed", ttl=run.claimed.failure_kept, payload=pack(LOST), error=LOST)
        self._state.end(run)
