"""The simulator as an HTTP server: in-process for tests, and what `python -m common.graph.simulator` runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from common.clock import Clock, SystemClock
from common.graph.simulator import control_routes, graph_routes, media_routes, page_routes
from common.graph.simulator.core import Simulator
from common.graph.simulator.http import SIMULATOR, graph_errors
from common.graph.simulator.options import Behaviour, Options

#: Meta's largest media object, and a little for the form around it.
LARGEST_BODY = 105 * 1024 * 1024


class SimulatorServer:
    """A running simulator; an async context manager.

        async with SimulatorServer(Options(webhook=None)) as meta:
            client = GraphClient(session, base_url=meta.url, ...)

    Args:
        options: numbers, token, webhook.
        behaviour: how it starts, and what `reset` goes back to.
        host: address to listen on.
        port: 0 takes a free one; `port` tells which.
        clock: for limits, windows and times.
    """

    def __init__(
        self,
        options: Options | None = None,
        *,
        behaviour: Behaviour | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self.options = options or Options()
        self.simulator = Simulator(self.options, clock or SystemClock(), behaviour)
        self.host = host
        self.port = port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def start(self) -> None:
        """Listen, and begin to verify the webhook.

        Raises:
            OSError: the port is taken.
        """
        app = web.Application(
            middlewares=[graph_errors, control_routes.control_errors], client_max_size=LARGEST_BODY
        )
        app[SIMULATOR] = self.simulator
        app.add_routes(page_routes.routes() + control_routes.routes() + graph_routes.routes() + media_routes.routes())
        app.router.add_route("*", "/{path:.*}", graph_routes.unknown_path)
        # A client that gave up must not leave its hanging call behind.
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, backlog=1024)
        try:
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.port = self._runner.addresses[0][1]
        await self.simulator.sender.start()

    async def stop(self) -> None:
        """Close everything; calls under way are cut."""
        self.simulator.feed.close()
        await self.simulator.sender.close()
        if self._runner:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


@contextmanager
def simulator_in_thread(
    options: Options | None = None, *, behaviour: Behaviour | None = None, port: int = 0
) -> Iterator[SimulatorServer]:
    """A running simulator on a thread of its own, for blocking tests. Talk to it with `SimulatorClient(server.url)`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="simulator", daemon=True)
    thread.start()

    def run(work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(timeout=30)

    server = SimulatorServer(options, behaviour=behaviour, port=port)
    try:
        run(server.start())
        yield server
    finally:
        run(server.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()
