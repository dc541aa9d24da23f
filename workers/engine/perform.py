"""One claimed job from its first step to its ending."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from common.queueing.context import enter
from common.store.scripts import Call
from workers.engine.beats import BURIAL
from workers.engine.failure import DependencyFailed, JobExpired, JobTimeout, LastWordsRefused, RetryPolicy, judge
from workers.engine.run import DeadJob, Ending, Run, read_work
from workers.engine.state import State

log = logging.getLogger("relevo.worker")

LOOK = 0.25  # seconds between looks for jobs that run for too long

Function = Callable[[Run], Awaitable[bytes]]
OnDead = Callable[[DeadJob], Awaitable[None]]


class Performer:
    """Runs jobs on the event loop.

    Args:
        state: of its worker, on the running loop.
        call: runs the job's function; its result as JSON, b"" for none.
        retry: back-off of failed attempts.
        ended: told of each job that runs no more.
        on_dead: awaited when a job fails for good, before that is written.
    """

    def __init__(
        self, state: State, call: Function, retry: RetryPolicy, ended: Callable[[], None], on_dead: OnDead | None = None
    ) -> None:
        self._state, self._call, self._retry, self._ended, self._on_dead = state, call, retry, ended, on_dead
        self._loop = asyncio.get_running_loop()
        self._failing: set[asyncio.Task[None]] = set()

    def start(self, run: Run) -> None:
        """Give it a task of its own."""
        self._state.running[run.context.execution] = run
        if (seconds := run.claimed.most_seconds) < math.inf:
            run.until = self._loop.time() + seconds
        if self._state.leaving:
            run.why = "back"
        run.task = self._loop.create_task(self._perform(run))

    async def watch(self) -> None:
        """End what runs for too long: a timer a job would cost more than it does itself."""
        while True:
            await asyncio.sleep(LOOK)
            now = self._loop.time()
            for run in [run for run in self._state.running.values() if run.until < now]:
                run.until = math.inf
                run.cancel("late")

    async def _perform(self, run: Run) -> None:
        run.begun = True
        try:
            if not run.why:
                enter(run.context, partial(self._concluded, run))
                run.ending = await self._outcome(run)
        finally:
            self._done(run)

    async def _outcome(self, run: Run) -> Ending | None:
        try:
            return Ending("ok", run.claimed.kept, await self._called(run))
        except asyncio.CancelledError as error:
            ending = self._cut_short(run, error)
        except BaseException as error:  # noqa: BLE001  whatever a job throws is its failure, not ours
            ending = judge(error, run, self._retry, now=time.time())
        run.until = math.inf  # what comes now is ours
        if ending is None:
            return None
        if ending.kind in {"failed", "stopped"}:
            await self.bury(run, ending.error)
        if ending.error:
            level = logging.INFO if ending.kind == "later" else logging.WARNING  # a wait is no failure
            log.log(level, "job %s: %s: %s", run.context.id, ending.kind, ending.error)
        return ending

    async def _called(self, run: Run) -> bytes:
        claimed = run.claimed
        run.work = read_work(claimed.data or b"")
        if claimed.doomed:
            raise DependencyFailed(f"job {claimed.doomed.decode()} has failed")
        if claimed.expired:
            raise JobExpired("it waited longer than its ttl")
        return await self._call(run)

    def _concluded(self, run: Run, calls: Sequence[Call]) -> bool:
        """Keep what it has to write for its ending; a script that is no part of ours it must run itself."""
        if any(call.script.name not in self._state.scripts.words for call in calls):
            return False
        run.words = (*run.words, *calls)
        return True

    def _cut_short(self, run: Run, error: BaseException) -> Ending | None:
        """How a cancelled run ends; None when it is handed back or another worker's."""
        if run.why in {"back", "lost"}:
            return None
        if run.why == "late":
            late = JobTimeout(f"ran longer than {run.claimed.most_seconds:g} s")
            late.__cause__ = error  # where it stood
            return judge(late, run, self._retry, now=time.time())
        why = "a person stopped it" if run.why == "stop" else "it cancelled itself"
        return Ending("stopped" if run.why == "stop" else "failed", run.claimed.failure_kept, error=f"Cancelled: {why}")

    def unsaid(self, run: Run, why: str) -> None:
        """Its last words are not written: unless it has failed already, that is its failure."""
        run.words = ()
        if run.why == "lost":
            return
        task = self._loop.create_task(self._fail(run, LastWordsRefused(why)))
        self._failing.add(task)
        task.add_done_callback(self._failing.discard)

    async def _fail(self, run: Run, error: Exception) -> None:
        run.until = math.inf
        self._state.running[run.context.execution] = run  # its lease is renewed until then
        if run.ending and run.ending.kind == "ok":
            run.ending = judge(error, run, self._retry, now=time.time())
            if run.ending.kind == "failed":
                await self.bury(run, run.ending.error)
        self._state.ended_run(run)
        self._state.end(run)

    async def bury(self, run: Run, reason: str) -> None:
        """Tell the hook; whatever it does, the ending is written."""
        if self._on_dead is None:
            return
        try:
            async with asyncio.timeout(BURIAL - 5):
                await self._on_dead(DeadJob(run.context.id, run.context.queue, run.work.kwargs, reason))
        except Exception:
            log.exception("job %s: the dead-letter hook failed", run.context.id)

    def _done(self, run: Run) -> None:
        state = self._state
        run.task = None  # it holds its context, which holds the run
        state.ended_run(run)
        self._ended()
        if run.why == "lost" and not run.words:
            state.kick.set()
            return
        if run.ending is None and run.why != "back":
            run.ending = Ending("failed", run.claimed.failure_kept, error="Cancelled: before it began")
        state.end(run)
