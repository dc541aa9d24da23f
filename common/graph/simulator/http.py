"""What the routes share: the simulator of an app, Graph's answers, and faults played on a connection."""

from __future__ import annotations

import asyncio
import hmac
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn

import orjson
from aiohttp import web

from common.graph.simulator.core import Simulator
from common.graph.simulator.failures import GraphFailure
from common.graph.simulator.faults import Fault

SIMULATOR: web.AppKey[Simulator] = web.AppKey("simulator", Simulator)
#: How long a hang without `seconds` holds a connection; every client has given up by then.
LONGEST_HANG = 600.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def json_answer(data: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer in JSON."""
    return web.Response(body=orjson.dumps(data), status=status, content_type="application/json", headers=headers)


def of(request: web.Request) -> Simulator:
    """The simulator that serves this request."""
    return request.app[SIMULATOR]


@web.middleware
async def graph_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn refusals into Graph's error bodies."""
    try:
        return await handler(request)
    except GraphFailure as failure:
        trace = of(request).state.trace()
        headers = {"x-fb-trace-id": trace, **failure.headers}
        if failure.status == 401:
            headers["WWW-Authenticate"] = f'OAuth "Facebook Platform" "invalid_token" "{failure.message}"'
        return json_answer(failure.body(trace), status=failure.status, headers=headers)


def authorise(request: web.Request) -> None:
    """Meta looks at the token before anything else.

    Raises:
        GraphFailure: 190.
    """
    sim = of(request)
    if not sim.behaviour.strict_auth:
        return
    given = request.headers.get("Authorization", "").encode("utf-8", "replace")
    if not hmac.compare_digest(given, f"Bearer {sim.options.token}".encode()):
        raise GraphFailure(190, message="Invalid OAuth access token - Cannot parse access token")


def our_number(request: web.Request) -> str:
    """The phone number id of the path, when the token may use it.

    Raises:
        GraphFailure: 100/33 for a number that does not exist, 10 for a foreign one.
    """
    phone_id = request.match_info["phone_id"]
    options = of(request).options
    if phone_id in options.foreign_phone_ids:
        raise GraphFailure(10, "Application does not have permission for this action.")
    if phone_id not in options.phone_ids and of(request).behaviour.strict_auth:
        refuse_unknown(phone_id, "post")
    return phone_id


def refuse_unknown(object_id: str, verb: str) -> NoReturn:
    """Graph's answer about an object that does not exist, or that the token cannot see."""
    raise GraphFailure(
        100,
        subcode=33,
        message=f"Unsupported {verb} request. Object with ID '{object_id[:60]}' does not exist, cannot be loaded "
        "due to missing permissions, or does not support this operation.",
    )


async def json_body(request: web.Request) -> Any:
    """The body as JSON.

    Raises:
        GraphFailure: 100.
    """
    try:
        return orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise GraphFailure(100, "The body is not valid JSON.") from None


async def with_fault(
    request: web.Request, fault: Fault | None, work: Callable[[tuple[int, str] | None], dict[str, Any]]
) -> web.StreamResponse:
    """Do the work of a call and answer it, or let the fault decide.

    Args:
        request: the call.
        fault: from the rules, None when nothing shall go wrong.
        work: does what the call asks; its argument is (code, details) of a message that shall fail later.
    """
    if fault is None:
        return json_answer(work(None))
    if fault.kind == "error":
        raise fault.failure()
    done = work((fault.code, fault.details) if fault.kind == "fail_async" else None) if fault.accept else {}
    play = _PLAYS.get(fault.kind)
    return await play(request, fault, done) if play else json_answer(done)


async def _raw(_: web.Request, fault: Fault, __: dict[str, Any]) -> web.StreamResponse:
    """An answer that Graph itself would not write, such as a gateway's HTML."""
    return web.Response(
        status=fault.status or 500, text=fault.body, content_type=fault.content_type, headers=fault.headers
    )


async def _reset(request: web.Request, _: Fault, __: dict[str, Any]) -> web.StreamResponse:
    """Cut the connection with RST, so that the client sees a reset and not an end."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)


async def _hang(request: web.Request, fault: Fault, done: dict[str, Any]) -> web.StreamResponse:
    """Say nothing: for good, or for `seconds` and then answer (503 when the work was not done)."""
    await asyncio.sleep(fault.seconds or LONGEST_HANG)
    if not fault.seconds:
        return await _reset(request, fault, done)
    return json_answer(done) if fault.accept else await _raw(request, Fault("raw", status=503), done)


async def _slow(_: web.Request, fault: Fault, done: dict[str, Any]) -> web.StreamResponse:
    await asyncio.sleep(fault.seconds)
    return json_answer(done)


async def _garbage(_: web.Request, __: Fault, ___: dict[str, Any]) -> web.StreamResponse:
    return web.Response(text='{"messages":[', content_type="application/json")


async def _trickle(request: web.Request, fault: Fault, done: dict[str, Any]) -> web.StreamResponse:
    """The right answer, byte by byte over `seconds`."""
    body = orjson.dumps(done)
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
    await response.prepare(request)
    for i in range(len(body)):
        await response.write(body[i : i + 1])
        await asyncio.sleep(fault.seconds / len(body))
    return response


_PLAYS: Mapping[str, Callable[[web.Request, Fault, dict[str, Any]], Awaitable[web.StreamResponse]]] = {
    "raw": _raw,
    "reset": _reset,
    "hang": _hang,
    "slow": _slow,
    "garbage": _garbage,
    "trickle": _trickle,
}
