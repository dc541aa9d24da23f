"""AsyncWorker: many `async def` jobs at once in one process, on RQ's keys."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import uvloop
from redis import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from rq.serializers import JSONSerializer
from rq.worker.base import BaseWorker

from common.store.multiplex import Multiplexed
from common.store.retell import Recent
from workers.engine.beats import Beats
from workers.engine.child import Prepare
from workers.engine.children import Children
from workers.engine.claims import Claims
from workers.engine.commands import Commands
from workers.engine.endings import Endings
from workers.engine.failure import RetryPolicy
from workers.engine.functions import Functions
from workers.engine.lag import LagWatch
from workers.engine.perform import OnDead, Performer
from workers.engine.recycle import Recycle
from workers.engine.scripts import PLAIN, WAKE, Turnover
from workers.engine.startup import async_twin
from workers.engine.state import REDIS_ERRORS, State

log = logging.getLogger("relevo.worker")

Hook = Callable[["AsyncWorker"], Awaitable[None]]
HAND_BACK = 2.0  # seconds that cancelled jobs get to end; what ignores its cancel is left to its lease


class AsyncWorker(BaseWorker):
    """A worker of RQ's kind (`rq info`, registries and commands know it) with one event loop in place of a fork.

    Args:
        queues: names, the most urgent first.
        connection: blocking client, for RQ's own parts.
        db: asyncio client of the engine's own; made from `connection` when absent.
        concurrency: jobs at once.
        lease: seconds after which a worker that gives no sign is dead and its jobs run elsewhere.
        allow: prefixes of the functions it may run.
        retry: back-off of failed attempts.
        grace: seconds that running jobs get to end after a warm stop before they are handed back.
        keep_finished, keep_failed: jobs kept a queue.
        max_jobs, max_memory_mb: the worker stops, warmly, when it has run so many jobs or holds more; 0: never.
        forking: run each job, plain functions too, in a process of its own.
        prepare_child: called first in each such process; a function of a module.
        scripts: that jobs come and go by, with what their functions want to have read or written on the way.
        on_start, on_stop: awaited before the first claim and after the last ending.
        on_dead: awaited when a job fails for good, before that is written; it may be called again after a crash.
    """

    def __init__(
        self,
        queues: Sequence[str],
        name: str | None = None,
        *,
        connection: Redis,
        db: Multiplexed | None = None,
        concurrency: int = 50,
        lease: float = 12.0,
        allow: Sequence[str] = ("workers.jobs.",),
        retry: RetryPolicy | None = None,
        grace: float = 21.0,
        keep_finished: int = 10_000,
        keep_failed: int = 100_000,
        max_jobs: int = 0,
        max_memory_mb: int = 0,
        forking: bool = False,
        prepare_child: Prepare | None = None,
        scripts: Turnover = PLAIN,
        on_start: Hook | None = None,
        on_stop: Hook | None = None,
        on_dead: OnDead | None = None,
        **options: Any,
    ) -> None:
        super().__init__(queues, name, connection=connection, **{**options, "serializer": JSONSerializer})
        self.concurrency, self.lease, self.grace = concurrency, lease, grace
        self.db = db or async_twin(connection)
        self.db.recent = self.db.recent or Recent()  # it has nothing to tell, and knows one server from another
        self.trips = (0, 0)
        self._keep = (keep_finished, keep_failed)
        self._scripts = scripts
        self._children = Children(allow, prepare_child) if forking else None
        self._recycle = Recycle(max_jobs, max_memory_mb, self._stop)
        self._call = self._children.run if self._children else Functions(allow).call
        self._retry = retry or RetryPolicy()
        self._on_start, self._on_stop, self._on_dead = on_start, on_stop, on_dead
        self._jobs: State | None = None
        self._helpers: list[asyncio.Task[None]] = []

    def work(self, burst: bool = False, *_args: Any, **_options: Any) -> bool:
        """Run until told to stop; with `burst`, until the queues are empty. Returns whether all endings are written."""
        return uvloop.run(self.main(burst=burst))

    async def main(self, *, burst: bool = False) -> bool:
        """As `work`, on a running loop."""
        self.db.set_retry(Retry(NoBackoff(), 0))  # the loops repeat what may be repeated
        state = self._jobs = State(
            self.db, self.name, self.queue_names(), self.concurrency, self.lease, self._scripts, burst=burst
        )
        performer = Performer(state, self._call, self._retry, self._recycle.job_ended, self._on_dead)
        claims = Claims(state, performer.start)
        endings = Endings(state, claims, performer.unsaid, keep_finished=self._keep[0], keep_failed=self._keep[1])
        beats = Beats(state, performer.bury, self._recycle.look)
        commands = Commands(state, self.pubsub_channel_name, self._stop)
        lag = LagWatch(state.names)
        if self._children:
            self._children.warm()
        self._catch_signals()
        lag.start()
        try:
            await beats.begin()
            if self._on_start:
                await self._on_start(self)
            log.info("worker %s: %d at once from %s", self.name, self.concurrency, ", ".join(state.queues))
            loops = (endings.run(), claims.wake(), beats.run(), commands.run(), performer.watch())
            self._helpers = [self._help(loop) for loop in loops]
            await claims.run()
        finally:
            await self._drain(state)
            self.trips = (claims.trips, endings.trips)
            await self._leave(state, beats, lag)
        return state.idle

    def request_stop(self, signum: Any = None, frame: Any = None) -> None:  # noqa: ARG002  RQ's signature
        """First call: claim no more, let running jobs end. Second: hand them back at once."""
        self._stop(again=True)

    def _stop(self, *, again: bool = False) -> None:
        state = self._jobs
        if state is None:
            return
        if state.stopping and again:
            self._hand_back(state)
        elif not state.stopping:
            log.info("worker %s: stopping, %d jobs running", self.name, len(state.running))
        state.stopping = True
        state.kick.set()
        state.ended.set()

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.request_stop)

    def _help(self, loop: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(loop)
        task.add_done_callback(self._helper_ended)
        return task

    def _helper_ended(self, task: asyncio.Task[None]) -> None:
        """A silently dead heartbeat would be the worst of bugs: without a helper the worker stops."""
        if not task.cancelled() and (error := task.exception()):
            log.critical("a loop of the worker died: stopping", exc_info=error)
            self._stop()

    def _set_connection(self, connection: Redis) -> Redis:
        """As given: RQ would stretch its time-outs for blocking reads that are not made here."""
        return connection

    def _set_ip_address(self, _connection: Redis) -> None:
        """Not asked for: a worker is made before Redis needs to be there."""
        self.ip_address = "unknown"

    # -- stopping -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _hand_back(state: State) -> None:
        state.leaving = True
        for run in list(state.running.values()):
            run.cancel("back")

    async def _drain(self, state: State) -> None:
        """Let running jobs end, then hand back the rest; write every ending."""
        state.stopping = True
        state.ended.set()
        for seconds in (self.grace, HAND_BACK):
            until = time.monotonic() + seconds
            while not state.idle and time.monotonic() < until:  # noqa: ASYNC110  three conditions, once in a life
                await asyncio.sleep(0.01)
            self._hand_back(state)
        if not state.idle:
            log.error("worker %s: %d jobs are left to their leases", self.name, len(state.held))

    async def _leave(self, state: State, beats: Beats, lag: LagWatch) -> None:
        state.over = True
        for task in self._helpers:
            task.cancel()
        if self._helpers:
            await asyncio.wait(self._helpers, timeout=2)  # bounded: a cancel that meets a time-out can get lost
        lag.close()
        try:
            if self._on_stop:
                async with asyncio.timeout(5):
                    await self._on_stop(self)
        except Exception:
            log.exception("the stop hook failed")
        try:
            async with asyncio.timeout(3):
                await state.call(WAKE, *state.queues)  # tokens we took and did not use
                await beats.write_timings()
                if state.idle:
                    await beats.unregister()
                await self.db.aclose()
        except REDIS_ERRORS:
            log.warning("worker %s: left without a word, Redis is away", self.name)

