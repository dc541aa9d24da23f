"""What a forked process does: one job, then nothing more. Results and errors go back as JSON."""

from __future__ import annotations

import asyncio
import inspect
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

import orjson

from common.errors import Later
from common.queueing.context import JobContext, enter
from workers.engine.failure import describe
from workers.engine.functions import Functions
from workers.engine.run import Work, packed

Prepare = Callable[[], None]


def main(pipe: Connection, allow: Sequence[str], work: Work, context: JobContext, prepare: Prepare | None) -> None:
    """Run the job and answer over `pipe`: `+` and the result, or `-` and what went wrong."""
    for number in (signal.SIGTERM, signal.SIGINT):  # a group's signals are the worker's affair, which kills us
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_worker, daemon=True).start()
    try:
        if prepare:
            prepare()
        enter(context)
        answer = b"+" + packed(_call(allow, work), context.id)
    except BaseException as error:  # noqa: BLE001  whatever a job throws is its failure
        answer = b"-" + orjson.dumps(told(error))
    pipe.send_bytes(answer)
    pipe.close()


def told(error: BaseException) -> dict[str, Any]:
    """An error as it travels to the worker."""
    line, trace = describe(error)
    return {
        "line": line, "trace": trace, "retryable": getattr(error, "retryable", True) is not False,
        "retry_after": getattr(error, "retry_after", None), "later": error.at if isinstance(error, Later) else None,
        "why": str(error)[:200] if isinstance(error, Later) else "",
    }  # fmt: skip


def _call(allow: Sequence[str], work: Work) -> Any:
    function: Callable[..., Any] = Functions(allow, plain=True).find(work.func)
    if inspect.iscoroutinefunction(function):
        return asyncio.run(function(*work.args, **work.kwargs))
    return function(*work.args, **work.kwargs)


def _end_with_worker() -> None:
    """A job must not go on when its worker is dead: its lease ends, and it begins again elsewhere."""
    worker = multiprocessing.parent_process()
    if worker:
        wait([worker.sentinel])
        os._exit(1)
