"""web, worker or scheduler as the Procfile starts it, which on request kills itself (SIGKILL) at one of its doors.

    python -m tests.faults.crashing web|worker|scheduler

A door is a step outward: what a process does between two of them leaves no trace. On stdin, a line `<door> before` or
`<door> after` ends the process that serves and starts one that dies there; another one takes its place, as under any
supervisor. "armed" and "killed" on stderr tell how far it is.

The product has no hook for it: doors are replaced in the process that is to die, and only there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, NoReturn

from common.conversations.scripts import BEGIN_SEND, INGEST_MESSAGE, INGEST_STATUSES, SETTLE_SEND
from common.graph.client import GraphClient
from common.queueing import keys
from common.queueing.queues import MESSAGES, WHATSAPP_AI
from common.store import scripts
from common.store.group_commit import GroupCommit
from common.store.scripts import Call, Script
from webhook_app import process
from webhook_app.front.exchange import Exchange
from workers import __main__ as worker
from workers import delivery, outage, scheduler, wiring
from workers.engine.state import State
from workers.pipeline import pipeline

ANSWERING = (WHATSAPP_AI, MESSAGES)  # a door of the queue is one of their jobs, not of maintenance
KIND, STRIDE = 3, 14  # where an ending among the arguments of the finish script says how it was
AFTER_THE_ANSWER = 0.02  # seconds in which the loop puts an answer on the wire

Door = Callable[..., Awaitable[Any]]


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


# --- doors of a worker ------------------------------------------------------------------------------------------------


def dying(door: Door, side: str, here: Callable[..., bool] = lambda *_: True) -> Door:
    """`door`, at which the process dies when the call is the one that is meant."""
    async def through(*args: Any, **kwargs: Any) -> Any:
        meant = here(*args)
        if meant and side == "before":
            die()
        result = await door(*args, **kwargs)
        if meant:
            die()
        return result

    return through


def claim(side: str) -> None:
    """The script that takes a job, alone or with endings; before it, a job has to be there."""
    original = State.call

    async def through(self: State, script: Script, *args: Any, **options: Any) -> Any:
        alone = script is self.scripts.claim
        if side == "before" and alone and sum([await self.db.llen(keys.queue(queue)) for queue in ANSWERING]):
            die()
        found = await original(self, script, *args, **options)
        taken = found if alone else found[2] if script is self.scripts.finish else None
        if taken and any(row[0].decode() in ANSWERING for row in taken[1:]):
            die()  # also when a job came just between look and script
        return found

    State.call = through  # type: ignore[method-assign]


def loaded(side: str) -> None:
    """The turn is at hand, and nothing is decided."""
    pipeline.load = dying(pipeline.load, side)  # type: ignore[assignment]


def batch(meant: Script) -> Callable[[str], None]:
    """The round trip that `meant` is part of: begin (with what was decided), settle (of a bubble that was refused)."""
    def arm(side: str) -> None:
        door = dying(scripts.run_batch_async, side, lambda _, calls: any(call.script is meant for call in calls))
        for module in (delivery, outage):
            module.run_batch_async = door  # type: ignore[attr-defined]

    return arm


def post(side: str) -> None:
    GraphClient.send = dying(GraphClient.send, side)  # type: ignore[method-assign, assignment]


def ending(kind: str) -> Callable[[str], None]:
    """The script that writes how a job ended, with its last words: ok, later (no attempt spent), retry, failed."""
    def meant(state: State, script: Script, *args: Any) -> bool:
        if script is not state.scripts.finish:
            return False
        count, queues = args[3:5]
        first = 9 + queues if queues else 5
        rows = (args[first + n * STRIDE : first + (n + 1) * STRIDE] for n in range(count))
        return any(row[0] in ANSWERING and row[KIND] == kind for row in rows)

    def arm(side: str) -> None:
        State.call = dying(State.call, side, meant)  # type: ignore[method-assign]

    return arm


def burial(side: str) -> None:
    """The hook that gives the chat of a dead letter to a person."""
    wiring.on_dead = dying(wiring.on_dead, side)  # type: ignore[assignment]


# --- doors of web and scheduler ---------------------------------------------------------------------------------------


def commit(meant: Script) -> Callable[[str], None]:
    """The round trip that stores a POST with a message, or with statuses; after it, the 200 is not written yet."""
    original = GroupCommit.submit

    def arm(side: str) -> None:
        def through(self: GroupCommit, calls: Sequence[Call], done: Callable[[Any], None]) -> None:
            if any(call.script is meant for call in calls):
                if side == "before":
                    die()
                done = die
            original(self, calls, done)

        GroupCommit.submit = through  # type: ignore[method-assign]

    return arm


def answer(side: str) -> None:
    """Meta's 200."""
    original = Exchange.answer_own

    def through(self: Exchange, content_type: str, body: bytes) -> None:
        meant = content_type == "text/plain"  # else somebody asks for its health
        if meant and side == "before":
            die()
        original(self, content_type, body)
        if meant:
            asyncio.get_running_loop().call_later(AFTER_THE_ANSWER, die)

    Exchange.answer_own = through  # type: ignore[method-assign]


def move(side: str) -> None:
    """The script that moves due jobs to their queues; one of a message has to be due."""
    original = scheduler.MOVE_DUE

    def through(db: Any, *args: Any) -> Any:
        seconds, micros = db.time()
        due = db.zrangebyscore(keys.DELAYED, "-inf", seconds + micros / 1e6)
        meant = any(job.startswith(b"wa-") for job in due)
        if meant and side == "before":
            die()
        moved = original(db, *args)
        if meant:
            die()
        return moved

    scheduler.MOVE_DUE = through  # type: ignore[assignment]


DOORS: dict[str, dict[str, Callable[[str], None]]] = {
    "web": {"message": commit(INGEST_MESSAGE), "status": commit(INGEST_STATUSES), "answer": answer},
    "worker": {
        "claim": claim, "load": loaded, "begin": batch(BEGIN_SEND), "post": post, "settle": batch(SETTLE_SEND),
        "finish": ending("ok"), "later": ending("later"), "retry": ending("retry"), "failed": ending("failed"),
        "burial": burial,
    },
    "scheduler": {"move": move},
}  # fmt: skip


# --- lives ------------------------------------------------------------------------------------------------------------


class Lives:
    """One process after the other, each forked from this one, which has all modules loaded and runs nothing."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._watched, self._held = os.pipe()  # web ends when nobody holds it any more
        self._child = 0
        signal.signal(signal.SIGTERM, self._end)

    def serve(self) -> None:
        """Until stdin ends: who started this is gone."""
        self._begin()
        for line in sys.stdin:
            door, side = line.split()
            self._kill()
            self._begin(partial(DOORS[self._kind][door], side))
            _tell(f"armed {door} {side}")
            _, status = os.waitpid(self._child, 0)
            _tell("killed" if os.waitstatus_to_exitcode(status) == -signal.SIGKILL else f"ended with {status}")
            self._begin()
        self._end()

    def _begin(self, arm: Callable[[], None] = lambda: None) -> None:
        self._child = os.fork()
        if self._child:
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.close(self._held)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.argv = sys.argv[:1]
        arm()
        {"web": lambda: process.run(self._watched), "worker": worker.main, "scheduler": scheduler.main}[self._kind]()
        os._exit(0)

    def _kill(self) -> None:
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)

    def _end(self, *_: object) -> NoReturn:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL)
        os._exit(0)


def _tell(line: str) -> None:
    print(f"crashing: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    Lives(sys.argv[1]).serve()
