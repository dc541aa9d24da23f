"""An OpenAI-compatible model that repeats the customer's last message: a reply says which message it answers.

It can be told to misbehave: see `MODES`.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

#: ok; slow (answers after `seconds`); held (answers when `let_go` is called); 429, 500; garbage (200, no JSON);
#: empty (an answer without words); huge (5 MB); down (hangs up).
MODES = ("ok", "slow", "held", "429", "500", "garbage", "empty", "huge", "down")


class EchoModel:
    """A running model.

    Attributes:
        mode: one of MODES; may be changed at any time.
        seconds: how slow `slow` is.
        asked: questions received, oldest first.
    """

    def __init__(self) -> None:
        self.mode = "ok"
        self.seconds = 1.0
        self.asked: list[str] = []
        self._gate = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def settings(self) -> dict[str, str]:
        """The environment of a Relevo that asks this model."""
        return {"AI_PROVIDER": "openai", "OPENAI_BASE_URL": self.url, "OPENAI_API_KEY": "echo"}

    def hold(self) -> None:
        """Every question from now on waits for its answer."""
        self._gate.clear()
        self.mode = "held"

    def let_go(self) -> None:
        """Held answers leave; later ones are not held."""
        self.mode = "ok"
        self._gate.set()

    def wait(self) -> None:
        """What the mode makes a question wait."""
        if self.mode == "slow":
            time.sleep(self.seconds)
        elif self.mode == "held":
            self._gate.wait(60)

    def close(self) -> None:
        self.let_go()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def running_model() -> Iterator[EchoModel]:
    """A model for the length of a block."""
    model = EchoModel()
    try:
        yield model
    finally:
        model.close()


@contextmanager
def echo_model() -> Iterator[str]:
    """The base URL of a running echo model that behaves."""
    with running_model() as model:
        yield model.url


def _handler(model: EchoModel) -> type[BaseHTTPRequestHandler]:
    class Handler(_Echo):
        owner = model

    return Handler


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes
    owner: EchoModel

    def do_POST(self) -> None:
        body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
        question = body["messages"][-1]["content"]
        mode = self.owner.mode
        self.owner.asked.append(question)
        if mode == "down":
            self._hang_up()
            return
        self.owner.wait()
        status, answer = _answer(mode, question)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        if status == 429:
            self.send_header("Retry-After", "0.2")
        self.end_headers()
        self.wfile.write(answer)

    def _hang_up(self) -> None:
        """A reset in place of an answer."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, ValueError):
            self.close_connection = True  # who asked has gone

    def finish(self) -> None:
        try:
            super().finish()
        except (ConnectionError, ValueError, OSError):
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _answer(mode: str, question: str) -> tuple[int, bytes]:
    """HTTP status and body."""
    if mode in {"429", "500"}:
        return int(mode), orjson.dumps({"error": {"type": "overloaded", "message": "not now"}})
    if mode == "garbage":
        return 200, b"<html>\xff not json"
    text = "" if mode == "empty" else "x" * 5_000_000 if mode == "huge" else f"eco: {question}"
    choice: dict[str, Any] = {"message": {"role": "assistant", "content": text}}
    return 200, orjson.dumps({"model": "echo", "choices": [choice]})
