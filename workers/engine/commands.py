"""RQ's worker commands over pub/sub: stop-job, stop-execution, shutdown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from workers.engine.state import REDIS_ERRORS, Patience, State, log


class Commands:
    """Listens on the worker's channel."""

    def __init__(self, state: State, channel: str, stop: Callable[[], None]) -> None:
        self._state, self._channel, self._stop = state, channel, stop

    async def run(self) -> None:
        patience = Patience("commands")
        while not self._state.over:
            try:
                async with self._state.db.pubsub() as pubsub:
                    await pubsub.subscribe(self._channel)
                    while not self._state.over:
                        message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=3.0)
                        patience.reset()
                        if message:
                            self._obey(message["data"])
            except REDIS_ERRORS as error:
                await patience.wait(error)

    def _obey(self, data: bytes) -> None:
        try:
            payload: dict[str, Any] = orjson.loads(data)
            command = payload["command"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            log.warning("a command could not be read")
            return
        if command == "shutdown":
            self._stop()
        elif command in {"stop-job", "stop-execution"}:
            for run in list(self._state.running.values()):
                wanted = payload.get("job_id") if command == "stop-job" else payload.get("execution_id")
                if wanted == (run.context.id if command == "stop-job" else run.context.execution):
                    run.cancel("stop")
        else:
            log.warning("command %s is not known here", str(command)[:40])
