"""Live events for the chat page: whoever listens gets them, whoever is too slow is dropped and loads the page anew."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson

MOST_WAITING = 2_000


class Feed:
    """Fan-out of events to server-sent event streams."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[bytes | None]] = set()

    @property
    def heard(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    def publish(self, kind: str, **data: Any) -> None:
        """Tell every listener; costs nothing when there is none."""
        if not self._listeners:
            return
        event = b"data: " + orjson.dumps({"kind": kind, **data}) + b"\n\n"
        for queue in list(self._listeners):
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                self._end(queue)

    @contextmanager
    def listen(self) -> Iterator[asyncio.Queue[bytes | None]]:
        """A queue of encoded events; None ends it."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(MOST_WAITING)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    def close(self) -> None:
        for queue in list(self._listeners):
            self._end(queue)

    def _end(self, queue: asyncio.Queue[bytes | None]) -> None:
        self._listeners.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)
