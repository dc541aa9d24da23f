"""How the stories of this folder break things."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import threading
import time

import psutil
import requests

from tests.stack import Stack


def kill_tree(stack: Stack, name: str) -> None:
    """kill -9 of a process and its children: web has one, which would otherwise end its requests in peace."""
    process = stack.processes.pop(name)
    for child in psutil.Process(process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.kill()
    process.wait()


def terminate(stack: Stack, name: str, *, seconds: float = 30) -> int:
    """SIGTERM; its exit code."""
    process = stack.processes.pop(name)
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=seconds)


def run_web(stack: Stack) -> None:
    """Start web until it answers, as a supervisor does."""
    def up() -> bool:
        held = stack.processes.get("web")
        if held is None or held.poll() is not None:
            stack.run("web")
        try:
            return requests.get(f"{stack.web_url}/healthz", timeout=1).ok
        except requests.RequestException:
            return False

    stack.wait_until(up, "web")


@contextlib.contextmanager
def stopped(process: subprocess.Popen[bytes] | None):
    """SIGSTOP for the length of a block."""
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def forget(stack: Stack, seconds: float) -> None:
    """kill -9 of Redis, which comes back without what it confirmed in the last `seconds`."""
    redis = stack.redis
    with stack.db() as db:
        db.config_set("auto-aof-rewrite-percentage", 0)  # until the next start: a rewrite would take files away
        stack.wait_until(lambda: not db.info("persistence")["aof_rewrite_in_progress"], "the rewrite")
    kept = redis.copy()
    time.sleep(seconds)  # what happens in it is what is forgotten
    redis.forget(kept)


class Cable:
    """A TCP relay of our own between a process and Redis, which can be cut."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._whole = threading.Event()
        self._whole.set()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._server.getsockname()[1]}/0"

    def cut(self, seconds: float) -> None:
        """Reset every connection, and every new one until `seconds` have passed."""
        self._whole.clear()
        for end in list(self._open):
            _reset(end)
        time.sleep(seconds)  # the outage itself
        self._whole.set()

    def close(self) -> None:
        self._server.close()
        for end in list(self._open):
            _reset(end)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if not self._whole.is_set():
                _reset(near)
                continue
            try:
                far = socket.create_connection(self._to, timeout=2)
            except OSError:
                _reset(near)
                continue
            far.settimeout(None)
            self._open |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for end in (one, other):
            self._open.discard(end)
            _reset(end)


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RDWR)
    end.close()
