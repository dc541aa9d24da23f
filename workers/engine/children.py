"""Runs each job in a process of its own: plain functions, and work that would hold up an event loop.

Processes come from a fork server that has no threads and no connections. The worker keeps the lease, the time-out and
the ending; stopping a job is killing its process.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import orjson

from common.errors import Later
from workers.engine import child
from workers.engine.failure import ChildDied, ChildFailed
from workers.engine.run import Run

_CONTEXT = multiprocessing.get_context("forkserver")


class Children:
    """Starts, hears and ends them.

    Args:
        allow: as of the worker.
        prepare: called first in each child, e.g. to set up its logs; a function of a module.
    """

    def __init__(self, allow: Sequence[str], prepare: child.Prepare | None = None) -> None:
        self._allow, self._prepare = tuple(allow), prepare

    @staticmethod
    def warm() -> None:
        """Start the fork server, so that the first job need not wait for it."""
        _CONTEXT.set_forkserver_preload(["workers.engine.child"])
        forkserver.ensure_running()

    async def run(self, run: Run) -> bytes:
        """The job's result as JSON, b"" for none; its process is gone when this returns or raises.

        Raises:
            ChildFailed: the job raised. ChildDied: its process ended without a word. Later: it asked for another time.
        """
        ours, its = _CONTEXT.Pipe(duplex=False)
        process = _CONTEXT.Process(
            target=child.main, args=(its, self._allow, run.work, run.context, self._prepare), daemon=True
        )
        process.start()
        its.close()
        try:
            answer = await _heard(ours)
        except EOFError as error:
            process.join(1)
            raise ChildDied(f"its process ended with exit code {process.exitcode}") from error
        finally:
            _end(process)
            ours.close()
        return _result(answer)


async def _heard(pipe: Connection) -> bytes:
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(pipe.fileno(), readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(pipe.fileno())
    return pipe.recv_bytes()


def _end(process: BaseProcess) -> None:
    process.kill()
    process.join()
    process.close()


def _result(answer: bytes) -> bytes:
    if answer[:1] == b"+":
        return answer[1:]
    error = orjson.loads(answer[1:])
    if error["later"] is not None:
        raise Later(error["later"], error["why"])
    raise ChildFailed(error["line"], error["trace"], retryable=error["retryable"], retry_after=error["retry_after"])
