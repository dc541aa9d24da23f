"""Requests handed to the Flask application, in a few threads: what is asked now and then, and may block."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from common.logs import get_logger
from webhook_app.front.exchange import Exchange
from webhook_app.problems import Problem

#: A WSGI application (PEP 3333).
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

log = get_logger("webhook_app.front")


class Answer(NamedTuple):
    """What the application said."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Bridge:
    """Answers requests by a WSGI application whose answers fit into memory.

    Args:
        app: the application.
        threads: where it runs; one request takes one thread.
        server: name and port that stand in its environment.
    """

    def __init__(self, app: Application, threads: Executor, server: tuple[str, int]) -> None:
        self._app = app
        self._threads = threads
        self._server = server

    def take(self, exchange: Exchange) -> None:
        """Answer it when the application has."""
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._run, exchange)
        work.add_done_callback(partial(_tell, exchange))

    def _run(self, exchange: Exchange) -> Answer:
        said: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[..., Any]:
            del exc_info  # nothing is sent before all of it is there
            said[:] = (int(status[:3]), headers)
            return parts.append

        parts: list[bytes] = []
        found = self._app(environment(exchange, self._server), start_response)
        try:
            parts.extend(found)
        finally:
            if close := getattr(found, "close", None):
                close()
        status, headers = said
        dropped = ("connection",) if exchange.method == "HEAD" else ("connection", "content-length")
        kept = [(name, value) for name, value in headers if name.lower() not in dropped]
        return Answer(status, kept, b"".join(parts))


def environment(exchange: Exchange, server: tuple[str, int]) -> dict[str, Any]:
    """The WSGI environment of a request. Source: PEP 3333."""
    target = exchange.target.decode("latin-1")
    if not target.startswith("/") and "://" in target:  # as a proxy is asked
        parts = urlsplit(target)
        target = f"{parts.path or '/'}?{parts.query}"
    path, _, query = target.partition("?")
    found: dict[str, Any] = {
        "REQUEST_METHOD": exchange.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{exchange.version}",
        "REMOTE_ADDR": exchange.peer,
        "CONTENT_LENGTH": str(len(exchange.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(exchange.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for raw, value in exchange.headers.items():
        name = raw.decode("latin-1")
        if name == "content-type":
            found["CONTENT_TYPE"] = value.decode("latin-1")
        elif name not in ("content-length", "transfer-encoding") and "_" not in name:  # `_` could pose as `-`
            found["HTTP_" + name.upper().replace("-", "_")] = value.decode("latin-1")
    return found


def _tell(exchange: Exchange, work: asyncio.Future[Answer]) -> None:
    if work.cancelled():
        return
    if error := work.exception():
        log.error("unexpected error", exc_info=error)
        exchange.refuse(Problem(500, "unexpected", "This should not have happened; the log tells more."))
        return
    exchange.answer(*work.result())
