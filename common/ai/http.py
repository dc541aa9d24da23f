"""One JSON POST to a model's endpoint: one deadline, a bounded answer, and only AIError out of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
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

#: Bytes. Answers of a few hundred tokens are a few kB; more than this is no answer.
MOST_BYTES = 1_000_000
_CONNECT_SECONDS = 5.0
_LONGEST_WAIT = 60.0


async def post_json(
    session: aiohttp.ClientSession, url: str, *, headers: Mapping[str, str], body: object, deadline: float
) -> dict[str, Any]:
    """The JSON object that `url` answers to `body`.

    Args:
        session: shared; not closed here.
        url: absolute.
        headers: besides the content type.
        body: anything orjson writes.
        deadline: seconds for all of it, also for a body that only drips.

    Raises:
        AIError: one of its kinds, by status, time or content.
    """
    if deadline <= 0:
        raise AITimeout("no time left to ask the model")
    try:
        async with asyncio.timeout(deadline):
            status, retry_after, raw = await _exchange(session, url, headers, body)
    except TimeoutError as error:
        raise AITimeout(f"no whole answer in {deadline:.1f} s") from error
    except aiohttp.ClientError as error:
        raise AIOverloaded(f"the model's endpoint cannot be reached: {type(error).__name__}") from error
    if status != 200:
        raise _refusal(status, retry_after, raw)
    data = _parsed(raw)
    if not isinstance(data, dict):
        raise AIInvalidOutput("the answer is not a JSON object")
    return data


async def _exchange(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], body: object
) -> tuple[int, float | None, bytes]:
    async with session.post(
        url,
        data=orjson.dumps(body),
        headers={"Content-Type": "application/json", **headers},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
        allow_redirects=False,  # the key goes to the endpoint that was set, and nowhere else
    ) as response:
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > MOST_BYTES:
                response.close()
                raise AIInvalidOutput(f"the answer is longer than {MOST_BYTES} bytes")
            chunks.append(chunk)
        return response.status, _retry_after(response.headers), b"".join(chunks)


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
