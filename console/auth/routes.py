"""Routes beside Streamlit's: login, logout, health."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from importlib.resources import files
from math import ceil
from urllib.parse import quote

from anyio import to_thread
from redis import Redis
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from console.auth.pages import login_page, unreachable_page
from console.auth.password import Password, Throttle
from console.auth.sessions import COOKIE, IDLE, LANGUAGE_COOKIE, Sessions
from console.text import LANGUAGES, language_of, t

FORM_COOKIE = "relevo_login"
BODY_MAX = 8192  # bytes of a login form
NAME_MAX = 40
YEAR = 365 * 86400


@dataclass(frozen=True, slots=True)
class Doors:
    """The routes, bound to what they need. `secure` marks cookies for https only; `language` is the shop's."""

    db: Redis
    sessions: Sessions
    password: Password
    throttle: Throttle
    secure: bool
    language: str = "en"

    def routes(self) -> list[Route]:
        return [
            Route("/login", self.show_login, methods=["GET"]),
            Route("/login", self.log_in, methods=["POST"]),
            Route("/logout", self.log_out, methods=["POST"]),
            Route("/healthz", _healthz, methods=["GET"]),
            Route("/readyz", self.readyz, methods=["GET"]),
            Route("/favicon.svg", _icon, methods=["GET"]),
        ]

    async def show_login(self, request: Request) -> Response:
        wanted = request.query_params.get("lang")
        lang = language_of(wanted, self._lang(request))
        response = self._form(safe_path(request.query_params.get("next")), lang=lang)
        if wanted in LANGUAGES:
            self._remember(response, lang)
        return response

    async def log_in(self, request: Request) -> Response:
        form = await _form_of(request)
        if form is None:
            return PlainTextResponse("bad form\n", 400)
        lang, after = self._lang(request), safe_path(form.get("next"))
        name = " ".join(form.get("name", "").split())[:NAME_MAX]
        if not _same(form.get("csrf"), request.cookies.get(FORM_COOKIE)):
            return self._form(after, lang=lang, name=name, problem=t("login.stale", lang=lang), status=400)
        address = request.client.host if request.client else "unknown"
        try:
            return await to_thread.run_sync(self._try, form.get("password", ""), name, after, address, lang)
        except RedisError:
            return HTMLResponse(unreachable_page(lang), 503, {"retry-after": "5"})

    def _try(self, password: str, name: str, after: str, address: str, lang: str) -> Response:
        wait = self.throttle.admit(address)
        if wait > 0:
            problem, later = t("login.wait", lang=lang, seconds=ceil(wait)), {"retry-after": str(ceil(wait))}
            return self._form(after, lang=lang, name=name, problem=problem, status=429, headers=later)
        if not self.password.matches(password):
            return self._form(after, lang=lang, name=name, problem=t("login.wrong", lang=lang), status=401)
        self.throttle.forgive(address)
        session = self.sessions.open(name or t("role.lead", lang=lang), lang=lang)
        response = RedirectResponse(after, 303)
        response.set_cookie(COOKIE, session.sid, httponly=True, samesite="lax", secure=self.secure, path="/")
        response.delete_cookie(FORM_COOKIE, path="/login")
        return response

    async def log_out(self, request: Request) -> Response:
        """Ends the session; the form must come from a page of this session."""
        form = await _form_of(request)
        sid = request.cookies.get(COOKIE)
        session = await to_thread.run_sync(self.sessions.get, sid)
        if session is not None and (form is None or not _same(form.get("csrf"), session.csrf)):
            return PlainTextResponse("this form is not from your session\n", 403)
        if session is not None:
            await to_thread.run_sync(self.sessions.close, session.sid)
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE, path="/")
        if session is not None and session.lang in LANGUAGES:
            self._remember(response, session.lang)
        return response

    def _lang(self, request: Request) -> str:
        """The language of a visitor without a session."""
        return language_of(request.cookies.get(LANGUAGE_COOKIE), self.language)

    def _remember(self, response: Response, lang: str) -> None:
        response.set_cookie(
            LANGUAGE_COOKIE, lang, max_age=YEAR, httponly=True, samesite="lax", secure=self.secure, path="/"
        )

    async def readyz(self, _request: Request) -> Response:
        try:
            await to_thread.run_sync(self.db.ping)
        except RedisError:
            return PlainTextResponse("redis cannot be reached\n", 503)
        return PlainTextResponse("ready\n")

    def _form(
        self,
        after: str,
        *,
        lang: str,
        name: str = "",
        problem: str = "",
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Response:
        csrf = secrets.token_urlsafe(24)
        page = login_page(csrf=csrf, after=after, lang=lang, name=name, problem=problem)
        response = HTMLResponse(page, status, {"cache-control": "no-store", **(headers or {})})
        response.set_cookie(
            FORM_COOKIE, csrf, max_age=IDLE, httponly=True, samesite="strict", secure=self.secure, path="/login"
        )
        return response


def safe_path(wanted: str | None) -> str:
    """`wanted` if it is a path of this console, else the first page: a login may not lead to another site."""
    if not wanted or not wanted.startswith("/") or wanted.startswith(("//", "/login")) or "\\" in wanted:
        return "/"
    return quote(wanted, safe="/?&=%.-_~:,+") if wanted.isprintable() else "/"


async def _form_of(request: Request) -> dict[str, str] | None:
    """The fields of a small urlencoded form, or None."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    length = request.headers.get("content-length", "")
    if kind != "application/x-www-form-urlencoded" or not length.isdigit() or int(length) > BODY_MAX:
        return None
    form = await request.form(max_fields=8)
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _same(given: str | None, kept: str | None) -> bool:
    return bool(given and kept) and hmac.compare_digest(str(given).encode(), str(kept).encode())


async def _healthz(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _icon(_request: Request) -> Response:
    svg = files("console.theme").joinpath("icon.svg").read_bytes()
    return Response(svg, media_type="image/svg+xml", headers={"cache-control": "public, max-age=86400"})


