"""A model and a Graph API that answer at once or after a while: `python -m bench.stub PORT`.

Stands in for the compiled stub of the peer harness where that is not at hand, with the same control paths:

    POST .../messages              Graph: notes the marker of the text, answers with a wamid after graph_ms
    POST anything else             the model: repeats the last marker of the request after ai_ms
    GET  /control/reset?ai_ms=&graph_ms=&jitter=     counters to zero
    GET  /control/stats | dump     JSON | a line `seq contact count scheduled first last` (us) per message

A marker is ZQ, 8 letters of the message's number, 5 of the contact, 13 of its time in us, QZ; A to P stand for 0 to F.
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httptools
import orjson
import uvloop

MARKER = re.compile(rb"ZQ([A-P]{8})([A-P]{5})([A-P]{13})QZ")
_DIGITS = bytes.maketrans(b"ABCDEFGHIJKLMNOP", b"0123456789abcdef")
_LETTERS = str.maketrans("0123456789abcdef", "ABCDEFGHIJKLMNOP")


def marker(seq: int, contact: int, at_us: int) -> str:
    """Letters only: no rule about personal data changes it."""
    return f"ZQ{f'{seq:08x}{contact:05x}{at_us:013x}'.translate(_LETTERS)}QZ"


def read_marker(body: bytes) -> tuple[int, int, int] | None:
    """(message, contact, time in us) of the last marker of a body."""
    found = MARKER.findall(body)
    if not found:
        return None
    seq, contact, at = (int(part.translate(_DIGITS), 16) for part in found[-1])
    return seq, contact, at


def now_us() -> int:
    return time.monotonic_ns() // 1000


class Book:
    """What came in, and how long an answer takes."""

    def __init__(self) -> None:
        self.reset({})

    def reset(self, waits: dict[str, str]) -> None:
        self.seen: dict[int, list[int]] = {}  # by message: contact, count, scheduled, first, last
        self.latest: dict[int, int] = {}
        self.asking: dict[int, int] = {}
        self.ai_calls = self.graph_calls = self.graph_other = self.dups = self.violations = self.overlap = 0
        self.waits = {name: float(waits.get(name, 0)) for name in ("ai_ms", "graph_ms", "jitter")}

    def wait(self, name: str) -> float:
        """Seconds."""
        spread = self.waits["jitter"]
        return self.waits[name] / 1000 * (1 + spread * random.uniform(-1, 1))

    def sent(self, body: bytes) -> bytes:
        """Graph took a message."""
        self.graph_calls += 1
        mark = read_marker(body)
        if mark is None:
            self.graph_other += 1
        else:
            self._note(*mark)
        return orjson.dumps({
            "messaging_product": "whatsapp", "contacts": [{"input": "0", "wa_id": "0"}],
            "messages": [{"id": f"wamid.OUT{self.graph_calls}"}],
        })  # fmt: skip

    def _note(self, seq: int, contact: int, at: int) -> None:
        now = now_us()
        if seq in self.seen:
            self.dups += 1
            self.seen[seq][1] += 1
            self.seen[seq][4] = now
            return
        self.seen[seq] = [contact, 1, at, now, now]
        self.violations += seq < self.latest.get(contact, -1)
        self.latest[contact] = max(seq, self.latest.get(contact, -1))

    def asked(self, body: bytes) -> tuple[bytes, int]:
        """The model's answer, and the contact it is for (-1: unknown)."""
        self.ai_calls += 1
        mark = read_marker(body)
        words = f"El aceite de lavanda cuesta 32.000 pesos. {marker(*mark) if mark else 'none'}"
        said = {"role": "assistant", "content": words}
        answer = {"choices": [{"index": 0, "message": said, "finish_reason": "stop"}]}
        if mark:
            self.overlap += self.asking.get(mark[1], 0) > 0
            self.asking[mark[1]] = self.asking.get(mark[1], 0) + 1
        return orjson.dumps(answer), mark[1] if mark else -1

    def control(self, target: str) -> bytes:
        parts = urlsplit(target)
        if parts.path.endswith("/reset"):
            self.reset(dict(parse_qsl(parts.query)))
        elif parts.path.endswith("/dump"):
            return "".join(f"{seq} {' '.join(map(str, row))}\n" for seq, row in self.seen.items()).encode()
        return orjson.dumps({
            "ai_calls": self.ai_calls, "graph_calls": self.graph_calls, "graph_other": self.graph_other,
            "unique": len(self.seen), "dups": self.dups, "order_violations": self.violations,
            "ai_overlap": self.overlap,
        })  # fmt: skip


class Connection(asyncio.Protocol):
    """One keep-alive connection; one request at a time."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._parser = httptools.HttpRequestParser(self)
        self._target, self._body = "", b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._target, self._body = url.decode(), b""

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        book, target = self._book, self._target
        if target.startswith("/control/"):
            self._answer(book.control(target))
        elif urlsplit(target).path.endswith("/messages"):
            self._later(book.wait("graph_ms"), book.sent(self._body), -1)
        else:
            self._later(book.wait("ai_ms"), *book.asked(self._body))

    def _later(self, seconds: float, answer: bytes, contact: int) -> None:
        if seconds > 0:
            asyncio.get_running_loop().call_later(seconds, self._answer, answer, contact)
        else:
            self._answer(answer, contact)

    def _answer(self, body: bytes, contact: int = -1) -> None:
        if contact >= 0:
            self._book.asking[contact] = self._book.asking.get(contact, 1) - 1
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)


async def serve(port: int) -> None:
    book = Book()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(book), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
