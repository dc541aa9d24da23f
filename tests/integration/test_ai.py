"""The HTTP providers against a real server on loopback: right, refused, slow, dripping, garbage, empty, huge."""
from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
import pytest
from aiohttp import web

from common.ai.anthropic import AnthropicProvider
from common.ai.base import (
    AIAuthFailed,
    AIBadRequest,
    AIError,
    AIInvalidOutput,
    AIOverloaded,
    AIProvider,
    AIRateLimited,
    AIRequest,
    AIResult,
    AITimeout,
    ChatTurn,
    Snippet,
    Usage,
)
from common.ai.openai import OpenAIProvider
from common.http.client import HttpClient

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

OPENAI_OK = {
    "model": "m-1", "choices": [{"message": {"role": "assistant", "content": "Claro.\n[HANDOVER: talla]"}}],
    "usage": {"prompt_tokens": 11, "completion_tokens": 3},
}  # fmt: skip
ANTHROPIC_OK = {
    "model": "m-1", "content": [{"type": "text", "text": "Claro."}, {"type": "text", "text": "[HANDOVER: talla]"}],
    "usage": {"input_tokens": 5, "cache_read_input_tokens": 6, "output_tokens": 3},
}  # fmt: skip
REQUEST = AIRequest(
    tenant="t", conversation="c", system="rules", message="¿y la crema?\ud800", lang="es", max_tokens=50,
    snippets=[Snippet("crema", "Crema", "Crema: $ 1", 10, 0.9, "es", "product")],
    history=[ChatTurn("user", "hola"), ChatTurn("assistant", "¡Hola!")],
)  # fmt: skip


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def provider(kind: str, http: HttpClient, url: str) -> AIProvider:
    if kind == "openai":
        return OpenAIProvider(http, base_url=url + "/v1/", api_key="sk-secret", model="m")
    return AnthropicProvider(http, base_url=url, api_key="sk-secret", model="m")


def ask(kind: str, handler: Handler, *, deadline: float = 5) -> AIResult:
    async def run() -> AIResult:
        async with serving(handler) as url, HttpClient() as http:
            return await provider(kind, http, url).complete(REQUEST, deadline=deadline)

    return asyncio.run(run())


def replying(status: int = 200, body: bytes = b"", **headers: str) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return handler


both = pytest.mark.parametrize("kind", ["openai", "anthropic"])


def test_a_chat_completion_is_asked_for_and_read() -> None:
    """Rules and knowledge first, the message last in the body; reply, hand-over, sources and tokens come back."""
    seen: list[web.Request] = []
    bodies: list[bytes] = []

    async def handler(got: web.Request) -> web.Response:
        seen.append(got)
        bodies.append(await got.read())
        return web.json_response(OPENAI_OK)

    result = ask("openai", handler)
    assert (result.reply, result.handover, result.model) == ("Claro.", "talla", "m-1")
    assert result.usage == Usage(11, 3)
    assert result.sources == ("crema",)
    assert seen[0].path == "/v1/chat/completions"
    assert seen[0].headers["Authorization"] == "Bearer sk-secret"
    body = orjson.loads(bodies[0])
    assert [turn["role"] for turn in body["messages"]] == ["system", "user", "assistant", "user"]
    assert body["messages"][0]["content"].startswith("rules\n\nKNOWLEDGE:")
    assert body["max_tokens"] == 50
    assert bodies[0].endswith('"¿y la crema??"}]}'.encode())


def test_a_message_is_asked_for_and_read() -> None:
    """The same over /v1/messages; cached tokens count as read."""
    seen: list[web.Request] = []
    bodies: list[bytes] = []

    async def handler(got: web.Request) -> web.Response:
        seen.append(got)
        bodies.append(await got.read())
        return web.json_response(ANTHROPIC_OK)

    result = ask("anthropic", handler)
    assert (result.reply, result.handover) == ("Claro.", "talla")
    assert result.usage == Usage(11, 3)
    assert seen[0].path == "/v1/messages"
    assert seen[0].headers["x-api-key"] == "sk-secret"
    assert bodies[0].endswith('"¿y la crema??"}]}'.encode())


@both
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AIAuthFailed), (402, AIAuthFailed), (403, AIAuthFailed), (400, AIBadRequest), (404, AIBadRequest),
        (422, AIBadRequest), (302, AIBadRequest), (408, AITimeout), (500, AIOverloaded), (503, AIOverloaded),
        (529, AIOverloaded),
    ],
)  # fmt: skip
def test_each_status_is_one_kind_of_error(kind: str, status: int, error: type[AIError]) -> None:
    """Whatever stands in the body; and the body's message, which may quote the key, stays out of the error."""
    body = orjson.dumps({"error": {"message": "bad key sk-secret", "type": "some_type"}})
    with pytest.raises(error) as caught:
        ask(kind, replying(status, body, Location="http://127.0.0.1:1/"))
    assert type(caught.value) is error
    assert "sk-secret" not in str(caught.value)
    assert "some_type" in str(caught.value)


@both
def test_a_429_tells_how_long_to_wait(kind: str) -> None:
    """By its header; a date or nonsense there is no number."""
    with pytest.raises(AIRateLimited) as caught:
        ask(kind, replying(429, b"<html>", Retry_After="3"))
    assert caught.value.retry_after == 3
    with pytest.raises(AIRateLimited) as caught:
        ask(kind, replying(429, b"", Retry_After="soon"))
    assert caught.value.retry_after is None


@both
@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>502</html>", b"[]", b"null", b"{}", b'{"choices":[]}',
        b'{"choices":[{"message":{"content":null}}]}',
        b'{"choices":[{"message":{"content":"  "}}]}', b'{"content":[]}', b'{"content":[{"type":"text","text":""}]}',
        b'{"choices": "no", "content": "no"}', b'\xff\xfe{"choices"', b'{"choices":[{"message":{"content":"cut',
    ],
)  # fmt: skip
def test_garbage_and_emptiness_are_invalid_output(kind: str, body: bytes) -> None:
    """A 200 is not an answer yet."""
    with pytest.raises(AIInvalidOutput):
        ask(kind, replying(200, body))


@both
def test_five_megabytes_are_not_read_to_the_end(kind: str) -> None:
    """The answer is cut off at a megabyte and refused."""
    with pytest.raises(AIInvalidOutput, match="longer"):
        ask(kind, replying(200, b" " * 5_000_000))


@both
def test_a_slow_answer_ends_at_the_deadline(kind: str) -> None:
    """No byte for a long time."""

    async def handler(_: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    began = time.monotonic()
    with pytest.raises(AITimeout):
        ask(kind, handler, deadline=0.3)
    assert time.monotonic() - began < 3


@both
def test_a_dripping_answer_ends_at_the_deadline(kind: str) -> None:
    """Each byte comes in time, all of them never do."""

    async def handler(got: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(got)
        for _ in range(100):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    began = time.monotonic()
    with pytest.raises(AITimeout):
        ask(kind, handler, deadline=0.4)
    assert time.monotonic() - began < 3


@both
def test_a_connection_that_is_refused_or_cut_is_an_overload(kind: str) -> None:
    """Nobody listens; or the server hangs up in the middle."""

    async def refused() -> None:
        async with HttpClient() as http:
            await provider(kind, http, "http://127.0.0.1:9").complete(REQUEST, deadline=3)

    async def cut(got: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(got)
        await response.write(b"{")
        assert got.transport
        got.transport.close()
        return response

    with pytest.raises(AIOverloaded):
        asyncio.run(refused())
    with pytest.raises(AIOverloaded):
        ask(kind, cut)


@both
def test_no_time_left_asks_nobody(kind: str) -> None:
    """A deadline of nothing."""
    with pytest.raises(AITimeout):
        ask(kind, replying(200), deadline=0)
