"""The floor: CPU of the bare things that a message cannot do without, beside the whole product on the same stub.

Bare: the call of the model and the call of Graph on the product's HTTP client, as many round trips to Redis as a
message makes by itself, HMAC and JSON of the webhook; 50 messages at once on one event loop, nothing else. What a
message makes by itself is counted with one job at a time, where no two messages can share a trip.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import resource
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.util import find_spec
from typing import NamedTuple

import orjson
import uvloop

from bench import machine
from bench.loader import NUMBER, SECRET, text_body
from bench.phases.drain import drain
from bench.phases.size import Figures, Size, alone
from bench.rig import Rig
from bench.stub import marker
from common.ai.prompts import system_prompt
from common.http.client import HttpClient, Route
from common.store.multiplex import Multiplexed

AT_ONCE = 50
PATHS = ("/v1/chat/completions", f"/v21.0/{NUMBER}/messages")
HEADERS = {"Authorization": "Bearer bench", "Content-Type": "application/json"}
Bare = Callable[[int], Awaitable[None]]


class Trips(NamedTuple):
    """Round trips to Redis of a message, and the bytes that go there on one."""

    each: float
    size: float


def measure(size: Size) -> Figures:
    count = size.count(5000)
    with Rig() as rig:
        trips = alone_trips(rig, size.count(400))
        product = drain(rig, count, concurrency=AT_ONCE)
        web = _web(rig, size)
        rig.latencies()
        parts = uvloop.run(_parts(rig, count, trips))
    worker = parts["http"] + parts["redis"]
    return {
        "floor": {
            "trips": trips.each, "trip_bytes": trips.size, **{f"{name}_ms": ms for name, ms in parts.items()},
            "worker_floor_ms": worker, "worker_ms": product["steady_cpu_1k"],
            "worker_distance": product["steady_cpu_1k"] / worker, "message_floor_ms": parts["together"],
            "message_ms": product["steady_cpu_1k"] + web,
            "message_distance": (product["steady_cpu_1k"] + web) / parts["together"],
        }
    }  # fmt: skip


def alone_trips(rig: Rig, count: int) -> Trips:
    """Counted by Redis itself: its reads from sockets."""
    rig.latencies()
    taken = rig.backlog(count)
    rig.ready_workers(WORKER_QUEUES="maintenance", WORKER_CONCURRENCY="1")  # the cost of being there
    idle = _reads(rig, 2.0)
    rig.end_workers()
    rig.start_workers(WORKER_CONCURRENCY="1")
    first = rig.wait_delivered(taken // 10, 60)  # starting costs trips, too
    before, began = _now(rig), time.monotonic()
    messages = rig.wait_delivered(taken, 60) - first
    now, seconds = _now(rig), time.monotonic() - began
    reads = max(1.0, now[0] - before[0] - idle * seconds)
    rig.end_workers()
    return Trips(max(1.0, reads / max(1, messages)), (now[1] - before[1]) / reads)


def _now(rig: Rig) -> tuple[int, int]:
    found = rig.db.info("stats")
    return int(found["total_reads_processed"]), int(found["total_net_input_bytes"])


def _reads(rig: Rig, seconds: float) -> float:
    """Reads a second while nothing is to do."""
    before = _now(rig)[0]
    time.sleep(seconds)
    return max(0.0, _now(rig)[0] - before - 1) / seconds


def _web(rig: Rig, size: Size) -> float:
    """ms of CPU a POST of the web process, as busy as it gets."""
    pids = [rig.web.pid] if rig.web else []
    before = machine.cpu(pids)
    got = rig.load(duration=size.seconds(2), conns=32, contacts=2000, rate=0)
    return 1000 * (machine.cpu(pids) - before) / max(1, got["acks"])


async def _parts(rig: Rig, count: int, trips: Trips) -> dict[str, float]:
    """ms of CPU a message: of each part by itself, and of all of them together."""
    stub = f"http://127.0.0.1:{rig.stub_port}"
    async with HttpClient() as client, Multiplexed.from_url(rig.url) as db:
        http, redis, webhook = _calls(client, stub), _round_trips(db, trips), _reading()

        async def together(n: int) -> None:
            await webhook(n)
            await redis(n)
            await http(n)

        every = {"http": http, "redis": redis, "webhook": webhook, "together": together}
        found = {name: await _cost(part, count) for name, part in every.items()}
    if find_spec("aiohttp"):
        found["aiohttp"] = await _general(stub, count)
    return found


def _bodies(n: int) -> tuple[bytes, bytes]:
    """What the model is asked and what Graph is told, of the product's size."""
    words = f"Hola, quiero saber el precio {marker(n, n % 1000, 0)}"
    turns = [{"role": "system", "content": system_prompt()}, {"role": "user", "content": words}]
    text = {"messaging_product": "whatsapp", "to": "573000000001", "type": "text", "text": {"body": words}}
    return orjson.dumps({"model": "bench", "messages": turns}), orjson.dumps(text)


def _calls(client: HttpClient, stub: str) -> Bare:
    routes = [Route("POST", stub + path, HEADERS) for path in PATHS]

    async def both(n: int) -> None:
        for route, body in zip(routes, _bodies(n), strict=True):
            answer = await client.call(route, body, seconds=10, most=65_536)
            if answer.status != 200:
                raise SystemExit(f"the stub answered {answer.status}")

    return both


async def _general(stub: str, count: int) -> float:
    """The same two calls on a client for everything: what it would add."""
    import aiohttp  # noqa: PLC0415  only where it is there

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=2 * AT_ONCE)) as session:

        async def both(n: int) -> None:
            for path, body in zip(PATHS, _bodies(n), strict=True):
                async with session.post(stub + path, data=body, headers=HEADERS) as answer:
                    answer.raise_for_status()
                    await answer.read()

        return await _cost(both, count)


def _round_trips(db: Multiplexed, trips: Trips) -> Bare:
    value, count = "v" * max(1, int(trips.size) - 40), round(trips.each)

    async def some(n: int) -> None:
        for trip in range(count):
            await db.execute_command("SET", f"floor:{n % 1000}:{trip}", value)

    return some


def _reading() -> Bare:
    body, key = text_body(1, 1, 1, "floor"), SECRET.encode()

    async def one(_n: int) -> None:
        hmac.new(key, body, hashlib.sha256).hexdigest()
        orjson.loads(body)

    return one


async def _cost(part: Bare, count: int) -> float:
    """ms of CPU of this process a message, AT_ONCE at a time."""
    await _run(part, min(count, 500))
    before = _used()
    await _run(part, count)
    return 1000 * (_used() - before) / count


async def _run(part: Bare, count: int) -> None:
    numbers = iter(range(count))

    async def slot() -> None:
        for n in numbers:
            await part(n)

    await asyncio.gather(*(slot() for _ in range(AT_ONCE)))


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(argv: Sequence[str] = ()) -> None:
    alone(measure, argv)
