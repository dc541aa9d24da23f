"""One JSON POST to a model's endpoint: one deadline, a bounded answer, and only AIError out of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson

from common.ai.base import (
    AIAuthFailed,
    AIBadRequest,
    AIError,
    AIInvalidOutput,
    AIOverloaded,
    AIRateLimited,
    AITimeout,
)
from common.http.client import HttpClient, Route
from common.http.errors import NoAnswer, NotSent, TooLarge

#: Bytes. Answers of a few hundred tokens are a few kB; more than this is no answer.
MOST_BYTES = 1_000_000
_LONGEST_WAIT = 60.0


def endpoint(url: str, headers: Mapping[str, str]) -> Route:
    """Where questions go; `headers` besides the content type.

    Raises:
        ValueError: `url` is no address.
    """
    return Route("POST", url, {"Content-Type": "application/json", **headers})


async def post_json(http: HttpClient, route: Route, *, body: object, deadline: float) -> dict[str, Any]:
    """The JSON object that is answered to `body`.

    Args:
        http: shared; not closed here.
        route: from `endpoint`.
        body: plain JSON values.
        deadline: seconds for all of it, also for a body that only drips.

    Raises:
        AIError: one of its kinds, by status, time or content.
    """
    if deadline <= 0:
        raise AITimeout("no time left to ask the model")
    try:
        answer = await http.call(route, _written(body), seconds=deadline, most=MOST_BYTES, repeatable=True)
    except TooLarge as error:
        raise AIInvalidOutput(str(error)) from error
    except (NotSent, NoAnswer) as error:
        kind = AITimeout if error.late else AIOverloaded
        raise kind(f"the model's endpoint: {error}") from error
    if answer.status != 200:
        raise _refusal(answer.status, _retry_after(answer.headers), answer.body)
    data = _parsed(answer.body)
    if not isinstance(data, dict):
        raise AIInvalidOutput("the answer is not a JSON object")
    return data


def _written(body: object) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:  # halves of surrogate pairs, which a customer's JSON may carry: they become question marks
        return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def _refusal(status: int, retry_after: float | None, raw: bytes) -> AIError:
    what = f"the model's endpoint answered {status}{_error_code(raw)}"
    if status in {401, 402, 403}:
        return AIAuthFailed(what)
    if status == 429:
        return AIRateLimited(what, retry_after=retry_after)
    if status in {408, 504}:
        return AITimeout(what, retry_after=retry_after)
    if status >= 500 or status in {409, 425}:
        return AIOverloaded(what, retry_after=retry_after)
    return AIBadRequest(what)


def _error_code(raw: bytes) -> str:
    """The endpoint's word for it. Not its message: that may quote the key or the prompt."""
    data = _parsed(raw)
    error = data.get("error") if isinstance(data, dict) else None
    word = (error.get("code") or error.get("type")) if isinstance(error, dict) else None
    return f" ({word[:60]})" if isinstance(word, str) else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return min(max(float(headers[name]) * unit, 0.0), _LONGEST_WAIT)
        except (KeyError, ValueError):
            continue
    return None


def _parsed(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
