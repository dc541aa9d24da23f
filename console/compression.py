"""Streamlit serves its JavaScript uncompressed: 8 MB on a first visit. This serves it gzipped, from memory."""

from __future__ import annotations

import gzip

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SMALLEST = 1024  # bytes
KINDS = ("text/", "application/javascript", "application/json", "image/svg+xml")


class StaticGzip:
    """ASGI middleware for GET /static/*; those files are immutable, so each is compressed once per process."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kept: dict[str, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _wanted(scope):
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = bytearray()

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body", False) and start is not None:
                await self._send(scope["path"], start, bytes(body), send)

        await self._app(scope, receive, collect)

    async def _send(self, path: str, start: Message, body: bytes, send: Send) -> None:
        headers = MutableHeaders(scope=start)
        kind = headers.get("content-type", "")
        if start["status"] == 200 and len(body) >= SMALLEST and kind.startswith(KINDS):
            if path not in self._kept:
                self._kept[path] = await to_thread.run_sync(gzip.compress, body, 6)
            body = self._kept[path]
            headers["content-encoding"] = "gzip"
            headers["content-length"] = str(len(body))
            headers.add_vary_header("Accept-Encoding")
        await send(start)
        await send({"type": "http.response.body", "body": body})


def _wanted(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith("/static/"):
        return False
    headers = Headers(scope=scope)
    return "gzip" in headers.get("accept-encoding", "") and "range" not in headers
