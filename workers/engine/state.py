"""What the loops of one worker share, and how they bear an outage of Redis."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import RedisError

from common.queueing.timings import Tally
from common.store.line import BACK
from common.store.multiplex import Multiplexed
from common.store.scripts import Arg, Script
from workers.engine.run import Run
from workers.engine.scripts import MARGIN, PLAIN, Turnover

log = logging.getLogger("relevo.worker")

BATCH = 64  # jobs a call, at most
BUSY = 0.001  # seconds between the ends of jobs, on average over the last ones
LATELY = 25  # of them

#: What an outage looks like: anything the server or the wire can answer with.
REDIS_ERRORS = (RedisError, OSError)


@dataclass(slots=True, eq=False)
class State:
    """Slots, runs and endings of one worker; only its event loop touches it.

    Attributes:
        scripts: those that jobs come and go by.
        running: runs by execution id.
        pending: endings to be written and when they came, oldest first; writing: those on the wire. Their leases are
            renewed until then.
        kick: the claim loop looks again.
        wanted: free slots that the claim loop waits for; 0: it does not. enough: endings that the other loop waits for.
        stopping: no more claims; leaving: what runs, or is claimed yet, is handed back; over: the loops end.
        pace: seconds from one end of a job to the next, lately; ended_at: unix seconds of the last one.
        tally: how long jobs waited and ran, since the last beat.
    """

    db: Multiplexed
    name: str
    queues: Sequence[str]
    concurrency: int
    lease: float
    scripts: Turnover = PLAIN
    burst: bool = False
    running: dict[str, Run] = field(default_factory=dict)
    pending: list[tuple[Run, float]] = field(default_factory=list)
    writing: Sequence[tuple[Run, float]] = ()
    kick: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    wanted: int = 0
    enough: int = 1
    stopping: bool = False
    leaving: bool = False
    over: bool = False
    pace: float = 1.0
    ended_at: float = 0.0
    tally: Tally = field(default_factory=Tally)

    @property
    def free(self) -> int:
        return self.concurrency - len(self.running)

    @property
    def share(self) -> int:
        """Jobs a claim brings at most: a part of the slots, so that Redis pops some while others begin and end here."""
        return max(1, min(BATCH, self.concurrency // 3))

    @property
    def worth(self) -> int:
        """Jobs that make a call to Redis worth its while: for fewer, a moment is waited for more."""
        return max(1, min(16, self.concurrency // 4))

    @property
    def busy(self) -> bool:
        """Jobs end so fast that waiting a moment for more of them pays. Slow ones would only be made to go in step."""
        return self.pace < BUSY

    @property
    def idle(self) -> bool:
        """Nothing runs, and every ending is written."""
        return not (self.running or self.pending or self.writing)

    @property
    def held(self) -> list[Run]:
        """Every run whose lease is ours."""
        return [*self.running.values(), *(run for run, _ in self.writing), *(run for run, _ in self.pending)]

    def names(self, task: asyncio.Task[Any]) -> str:
        """Which job a task runs; may be asked from another thread."""
        job = next((run.context.id for run in list(self.running.values()) if run.task is task), "")
        return f"job {job}" if job else task.get_name()

    @property
    def lease_arg(self) -> int:
        """Lease and margin as the scripts take them: whole seconds, for EXPIRE."""
        return math.ceil(self.lease) + MARGIN

    def ended_run(self, run: Run) -> None:
        """It runs no more: its slot is free."""
        self.running.pop(run.context.execution, None)
        if 0 < self.wanted <= self.free:
            self.kick.set()

    def end(self, run: Run) -> None:
        """Its ending is known: to be written with the others of this moment."""
        at = time.time()
        self.pace += (at - self.ended_at - self.pace) / LATELY
        self.ended_at = at
        self.pending.append((run, at))
        if run.ending and run.ending.kind in {"ok", "failed", "retry"}:
            queue, waited = run.context.queue, run.started - run.context.enqueued_at
            if run.context.enqueued_at:
                self.tally.add(queue, "wait", max(0.0, waited))
            self.tally.add(queue, "run", at - run.started)
        if len(self.pending) >= self.enough:
            self.ended.set()

    async def call(self, script: Script, *args: Arg, server: str = "") -> Any:
        """One script call; with `server`, on that one only.

        Raises:
            RedisError, OSError: whether it ran is not known.
        """
        return await script.run(self.db.on(server) if server else self.db, *args)


class Patience:
    """Waits between tries while Redis is away: jittered, growing, and logged once an outage and then every 30 s."""

    def __init__(self, what: str, *, first: float = 0.1, cap: float = BACK) -> None:
        self._what, self._first, self._cap = what, first, cap
        self._pause, self._told = first, 0.0

    async def wait(self, error: BaseException) -> None:
        if time.monotonic() - self._told > 30:
            self._told = time.monotonic()
            log.warning("%s: Redis is away (%s); trying again", self._what, type(error).__name__)
        await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))
        self._pause = min(self._pause * 2, self._cap)

    def reset(self) -> None:
        if self._told:
            log.info("%s: Redis is back", self._what)
        self._pause, self._told = self._first, 0.0
