"""Errors as RFC 9457 problem details: what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from flask import Flask, Response, request
from redis.exceptions import RedisError
from werkzeug.exceptions import HTTPException

from common.errors import RelevoError, StoreUnavailable
from common.logs import get_logger
from webhook_app.outage import Outage

CONTENT_TYPE = "application/problem+json"
#: Seconds after which a caller should try again when Redis is away.
RETRY_AFTER = 5

log = get_logger("webhook_app.problems")


class Problem(RelevoError):
    """An answer that is an error.

    Args:
        status: HTTP status.
        name: short name of the kind of problem, in the `type` as `urn:relevo:problem:<name>`.
        detail: what is wrong, for a person.
        action: what that person can do.
    """

    def __init__(
        self, status: int, name: str, detail: str, action: str = "", *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.http_status = status
        self.name = name
        self.action = action
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """The problem as JSON."""
        body: dict[str, Any] = {
            "type": f"urn:relevo:problem:{self.name}",
            "title": HTTPStatus(self.http_status).phrase,
            "status": self.http_status,
            "detail": str(self),
        }
        if self.action:
            body["action"] = self.action
        return orjson.dumps(body)

    def response(self) -> Response:
        return Response(self.body(), self.http_status, self.headers, content_type=CONTENT_TYPE)


def unavailable() -> Problem:
    """Nothing can be stored or read now."""
    return Problem(
        503, "store-unavailable", "The data store does not answer or refuses writes.",
        "Send the same request again later; operators: see /readyz and the log of the web process.",
        headers={"Retry-After": str(RETRY_AFTER)},
    )  # fmt: skip


_ACTIONS = {
    400: "Check the request against /openapi.json.",
    404: "See /openapi.json for the paths that exist.",
    405: "See the Allow header, and /openapi.json.",
    413: "Send less at once.",
}


def register(app: Flask) -> None:
    """Let every error of `app` leave as a problem, none as a traceback."""
    outages: dict[str, Outage] = {}  # by route that was refused by the store

    @app.errorhandler(Problem)
    def problem(error: Problem) -> Response:
        return error.response()

    @app.errorhandler(StoreUnavailable)
    @app.errorhandler(RedisError)
    def store_unavailable(error: Exception) -> Response:
        route = str(request.url_rule)
        outage = outages.setdefault(route, Outage(log, begun="store unavailable", over="store is back"))
        outage.refused(str(error), route=route)
        return unavailable().response()

    @app.after_request
    def served(response: Response) -> Response:
        route = str(request.url_rule)
        if response.status_code < 400 and route in outages:
            outages[route].served(route=route)
        return response

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = error.code or 500
        if status < 400:  # redirects are no problems
            return Response(error.get_body(), status, error.get_headers())
        name = HTTPStatus(status).phrase.lower().replace(" ", "-")
        kept = {key: value for key, value in error.get_headers() if key in ("Allow", "Retry-After")}
        return Problem(status, name, error.description or "", _ACTIONS.get(status, ""), headers=kept).response()

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        log.error("unexpected error", exc_info=error)
        return Problem(500, "unexpected", "This should not have happened; the log tells more.").response()
