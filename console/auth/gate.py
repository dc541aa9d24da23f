"""The gate in front of every page, file and websocket: without a session there is only the login."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from anyio import to_thread
from redis.exceptions import RedisError
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.auth.pages import nowhere_page, unreachable_page
from console.auth.sessions import COOKIE, LANGUAGE_COOKIE, Sessions
from console.text import language_of

#: Paths that need no session: the login itself, Streamlit's own code and fonts, and what a load balancer asks.
OPEN_PATHS = frozenset({"/login", "/healthz", "/readyz", "/_stcore/health", "/favicon.png", "/favicon.svg"})
OPEN_PREFIX = "/static/"
#: The pages; what a browser is led to besides these and Streamlit's own files is a wrong address.
PAGES = frozenset({"/", "/inbox", "/jobs", "/job"})
FILES = ("/_stcore/", "/media/", "/component/")

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "content-security-policy": "frame-ancestors 'none'",
}


class Gate:
    """ASGI middleware. A websocket without a session is closed before it is accepted."""

    def __init__(self, app: ASGIApp, *, sessions: Sessions, language: str) -> None:
        self._app = app
        self._sessions = sessions
        self._language = language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if path in OPEN_PATHS or path.startswith(OPEN_PREFIX):
            await self._app(scope, receive, _hardened(send))
            return
        try:
            session = await to_thread.run_sync(self._sessions.get, cookie_of(scope))
        except RedisError:
            page = unreachable_page(language_of(cookie_of(scope, LANGUAGE_COOKIE), self._language))
            await self._refuse(scope, receive, send, HTMLResponse(page, 503, {"retry-after": "5"}))
            return
        if session is not None and _is_nowhere(scope):
            page = nowhere_page(language_of(session.lang, self._language))
            await self._refuse(scope, receive, send, HTMLResponse(page, 404))
            return
        if session is not None:
            await self._app(scope, receive, _hardened(send))
            return
        await self._refuse(scope, receive, send, _to_login(scope))

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, response: Response) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4401, "reason": "no session"})
        else:
            await response(scope, receive, _hardened(send))


def cookie_of(scope: Scope, name: str = COOKIE) -> str | None:
    """A cookie that the client sent, unchecked."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(Headers(scope=scope).get("cookie", ""))
    except CookieError:
        return None
    return jar[name].value if name in jar else None


def _is_nowhere(scope: Scope) -> bool:
    path = scope["path"].rstrip("/") or "/"
    return path not in PAGES and not path.startswith(FILES) and _for_a_person(scope)


def _for_a_person(scope: Scope) -> bool:
    """Whether a browser asks for a page, and not a script for a file."""
    return scope.get("method") in ("GET", "HEAD") and "text/html" in Headers(scope=scope).get("accept", "")


def _to_login(scope: Scope) -> Response:
    if _for_a_person(scope):
        query = scope.get("query_string", b"").decode("latin-1")
        wanted = scope["path"] + (f"?{query}" if query else "")
        return RedirectResponse("/login" if wanted == "/" else f"/login?next={quote(wanted, safe='')}", 303)
    return PlainTextResponse("log in first\n", 401)


def _hardened(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
