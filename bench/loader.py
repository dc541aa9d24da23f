"""Customers who write: `python -m bench.loader --port N --path P ...` POSTs signed webhooks and prints figures as JSON.

Stands in for the compiled generator of the peer harness where that is not at hand, with the same flags and the same
figures. A contact is bound to one connection, which has one request in flight. With --rate the latency counts from the
time at which a message was due, so that a server that stalls is not spared; without it every connection sends as soon
as it has its answer.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import random
import resource
import time
from dataclasses import dataclass, field

import uvloop

from bench.figures import percentile
from bench.stub import marker, now_us

NUMBER = "106540352242922"
SECRET = "bench-secret"
WORDS = (
    "Hola, quiero saber el precio del aceite de lavanda", "Buenas tardes, hacen envios a Medellin?",
    "Cuanto demora el pedido en llegar a Bogota?", "tengo la piel seca, que producto me recomiendan?",
)  # fmt: skip


def text_body(seq: int, contact: int, at_us: int, run: str) -> bytes:
    """Meta's body of one text message."""
    wa_id = f"57300{contact:07d}"
    message = {
        "from": wa_id, "id": f"wamid.{run}{seq:08X}==", "timestamp": str(int(time.time())), "type": "text",
        "text": {"body": f"{WORDS[seq % len(WORDS)]} {marker(seq, contact, at_us)}"},
    }  # fmt: skip
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": NUMBER},
        "contacts": [{"profile": {"name": f"Cliente {contact}"}, "wa_id": wa_id}], "messages": [message],
    }  # fmt: skip
    return webhook([{"value": value, "field": "messages"}])


def webhook(changes: list[dict[str, object]]) -> bytes:
    """A body of Meta's with these changes."""
    entry = {"id": "102290129340398", "changes": changes}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def request(path: str, body: bytes, secret: str = SECRET) -> bytes:
    """The bytes of a signed POST."""
    signed = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"X-Hub-Signature-256: sha256={signed}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Tally:
    """Answers so far; latencies in ms."""

    acks: int = 0
    refused: int = 0
    errors: int = 0
    waited: list[float] = field(default_factory=list)
    last: float = 0.0


class Line:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, data: bytes) -> int:
        """The status of the answer; 0 when there was none."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write(data)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            named = (line.partition(b":") for line in head.lower().split(b"\r\n"))
            length = next((int(value) for name, _, value in named if name == b"content-length"), 0)
            await reader.readexactly(length)
        except (OSError, EOFError, TimeoutError):
            self.close()
            return 0
        return int(head[9:12])

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
            self._streams = None


class Generator:
    """`args` are the flags."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._run = f"{random.getrandbits(96):024x}"
        self._seq = args.seq_base
        self.tally = Tally()

    async def run(self) -> dict[str, float]:
        args, began = self._args, time.perf_counter()
        lines = [Line(args.port) for _ in range(args.conns)]
        await (self._open(lines) if args.rate else self._closed(lines))
        for line in lines:
            line.close()
        return figures(self.tally, max(1e-9, self.tally.last - began))

    async def _closed(self, lines: list[Line]) -> None:
        args = self._args
        until = float("inf") if args.count else time.perf_counter() + args.duration
        issued = 0

        async def customer(n: int, line: Line) -> None:
            nonlocal issued
            turn = 0
            while time.perf_counter() < until and not (args.count and issued >= args.count):
                issued += 1
                contact = n + args.conns * (turn // args.burst % max(1, args.contacts // args.conns))
                turn += 1
                await self._send(line, contact, now_us())

        await asyncio.gather(*(customer(n, line) for n, line in enumerate(lines)))

    async def _open(self, lines: list[Line]) -> None:
        args = self._args
        todo: list[asyncio.Queue[tuple[int, int] | None]] = [asyncio.Queue() for _ in lines]

        async def customer(line: Line, mine: asyncio.Queue[tuple[int, int] | None]) -> None:
            while one := await mine.get():
                await self._send(line, *one)

        async with asyncio.TaskGroup() as group:
            for line, mine in zip(lines, todo, strict=True):
                group.create_task(customer(line, mine))
            began, contact = now_us(), 0
            for n in range(args.count or int(args.rate * args.duration)):
                due = began + int(n * 1e6 / args.rate)
                await asyncio.sleep(max(0.0, (due - now_us()) / 1e6))
                contact = contact if n % args.burst else random.randrange(args.contacts)
                todo[contact % len(lines)].put_nowait((contact, due))
            for mine in todo:
                mine.put_nowait(None)

    async def _send(self, line: Line, contact: int, at_us: int) -> None:
        seq = self._seq
        self._seq += 1
        status = await line.post(request(self._args.path, text_body(seq, contact, at_us, self._run), self._args.secret))
        tally = self.tally
        if 200 <= status < 300:
            tally.acks += 1
            tally.waited.append((now_us() - at_us) / 1000)
            tally.last = time.perf_counter()
        elif status:
            tally.refused += 1
        else:
            tally.errors += 1


def figures(tally: Tally, seconds: float) -> dict[str, float]:
    """As the compiled generator gives them."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "acks": tally.acks, "acked_unique": tally.acks, "non2xx": tally.refused, "conn_errors": tally.errors,
        "elapsed_s": seconds, "acks_per_s": tally.acks / seconds,
        "p50_ms": percentile(tally.waited, 0.5), "p99_ms": percentile(tally.waited, 0.99),
        "cpu_s": used.ru_utime + used.ru_stime,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("port", "conns", "contacts", "burst", "count", "seq-base"):
        parser.add_argument(f"--{name}", type=int, default={"conns": 32, "contacts": 200, "burst": 1}.get(name, 0))
    for name in ("rate", "duration"):
        parser.add_argument(f"--{name}", type=float, default=0.0)
    parser.add_argument("--path", default="/")
    parser.add_argument("--secret", default=SECRET)
    print(json.dumps(uvloop.run(Generator(parser.parse_args()).run())))


if __name__ == "__main__":
    main()
