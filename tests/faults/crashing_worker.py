"""A worker that kills itself (SIGKILL) just before or just after the n-th step outward of its first turn.

    python -m tests.faults.crashing_worker before|after N

The steps outward of a turn are: 1 load (Redis), 2 commit and begin to send (Redis), 3 post (Graph),
4 settle and close (Redis). The product has no hook for it: the doors are replaced here, in this process only.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from common.graph.client import GraphClient
from common.store import scripts
from workers import delivery, outage
from workers.__main__ import main
from workers.pipeline.steps import load, record

_steps = itertools.count(1)


def _crashing(door: Callable[..., Awaitable[Any]], side: str, at: int) -> Callable[..., Awaitable[Any]]:
    async def through(*args: Any, **kwargs: Any) -> Any:
        step = next(_steps)
        if step == at and side == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = await door(*args, **kwargs)
        if step == at and side == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return through


def arm(side: str, at: int) -> None:
    batch = _crashing(scripts.run_batch_async, side, at)
    delivery.run_batch_async = batch  # type: ignore[assignment]
    outage.run_batch_async = batch  # type: ignore[assignment]
    record.run_batch_async = batch  # type: ignore[assignment]
    GraphClient.send = _crashing(GraphClient.send, side, at)  # type: ignore[method-assign, assignment]
    original = load.LOAD_TURN

    class Loading:
        run = staticmethod(_crashing(original.run, side, at))

    load.LOAD_TURN = Loading  # type: ignore[assignment, misc]


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]))
    sys.argv = sys.argv[:1]
    main()
