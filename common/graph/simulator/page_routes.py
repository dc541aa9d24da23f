"""The chat page: three files, the live stream of events, and media for a browser that has no token."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from common.graph.simulator.http import of

_FILES = {
    "chat.css": "text/css",
    "chat.js": "text/javascript",
    "bubbles.js": "text/javascript",
    "samples.js": "text/javascript",
    "dom.js": "text/javascript",
}
_HERE = Path(__file__).parent / "page"
_HEADERS = {
    # Product images of the bot are links to anywhere; everything else comes from here.
    "Content-Security-Policy": "default-src 'self'; img-src * data: blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_KEEP_ALIVE = 15.0


def routes() -> list[web.RouteDef]:
    """The routes of the chat page."""
    return [
        web.get("/", page),
        web.get("/_sim/page/{name}", page_file),
        web.get("/_sim/events", events),
        web.get("/_sim/media/{media_id}", media),
    ]


async def page(_: web.Request) -> web.StreamResponse:
    """The page itself."""
    return web.Response(text=(_HERE / "chat.html").read_text("utf-8"), content_type="text/html", headers=_HEADERS)


async def page_file(request: web.Request) -> web.StreamResponse:
    """Its style sheet and scripts."""
    name = request.match_info["name"]
    if name not in _FILES:
        return web.Response(status=404)
    return web.Response(text=(_HERE / name).read_text("utf-8"), content_type=_FILES[name], headers=_HEADERS)


async def events(request: web.Request) -> web.StreamResponse:
    """Server-sent events until the listener goes."""
    response = web.StreamResponse(headers={**_HEADERS, "Content-Type": "text/event-stream"})
    await response.prepare(request)
    with of(request).feed.listen() as queue:
        await response.write(b"retry: 1000\n\n")
        while True:
            try:
                event = await asyncio.wait_for(queue.get(), _KEEP_ALIVE)
            except TimeoutError:
                event = b": still here\n\n"
            if event is None:
                return response
            await response.write(event)


async def media(request: web.Request) -> web.StreamResponse:
    """A media file, without a token."""
    found = of(request).media.get(request.match_info["media_id"])
    if found is None:
        return web.Response(status=404)
    kind = found.mime_type.split(";")[0]
    show = kind.startswith(("image/", "audio/", "video/")) and kind != "image/svg+xml"
    disposition = "inline" if show else "attachment"
    headers = {**_HEADERS, "Content-Type": found.mime_type, "Content-Disposition": disposition}
    headers["Accept-Ranges"] = "bytes"
    if "Range" not in request.headers:
        return web.Response(body=found.data, headers=headers)
    try:
        start, stop, _ = request.http_range.indices(len(found.data))  # players seek before they know the length
    except ValueError:
        return web.Response(status=416)
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(found.data)}"
    return web.Response(status=206, body=found.data[start:stop], headers=headers)
