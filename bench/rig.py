"""A whole Relevo to be measured: its own Redis, web and worker processes, and a stub in place of model and Graph."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from redis import Redis

from bench import machine, places
from bench.engine import connect, server, wait, wait_for_workers
from bench.figures import steady_rate
from bench.loader import NUMBER, SECRET

PATH = "/api/whatsapp/webhook"
#: As in peer.json: what a fair comparison needs, nothing else.
SETTINGS = json.loads((machine.ROOT / "bench" / "peer.json").read_text())["env"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tools() -> dict[str, str]:
    """Which stub and which load generator are used."""
    return {name: "compiled" if places.program(name) else "python" for name in ("stub", "loadgen")}


class Rig:
    """Processes that end with the block. `settings` are environment on top of peer.json's."""

    def __init__(self, *, web: bool = True, **settings: str) -> None:
        self._stack = ExitStack()
        self._with_web = web
        self._settings = settings
        self.web: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.port, self.stub_port = free_port(), free_port()
        with self._stack as stack:
            self._log = stack.enter_context(tempfile.TemporaryFile("a+b"))
            self.url = stack.enter_context(server())
            self.db: Redis = stack.enter_context(connect(self.url))
            self.stub = stack.enter_context(self._process(self._stub_command()))
            hurry(self.stub)
            wait_for_port(self.stub_port)
            if self._with_web:
                self.web = stack.enter_context(self._process([sys.executable, "-m", "webhook_app"]))
                wait_for_port(self.port)
                time.sleep(1.0)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.end_workers()
        self._stack.close()

    def start_workers(self, count: int = 1, **settings: str) -> None:
        """Start worker processes; does not wait for them."""
        for _ in range(count):
            self.workers.append(self._started([sys.executable, "-m", "workers"], settings))

    def ready_workers(self, count: int = 1, **settings: str) -> None:
        """The same, and wait until they stand."""
        self.start_workers(count, **settings)
        wait_for_workers(self.db, count)
        time.sleep(0.5)

    def end_workers(self) -> None:
        for process in self.workers:
            end(process)
        self.workers.clear()

    def latencies(self, *, ai_ms: float = 0, graph_ms: float = 0, jitter: float = 0) -> None:
        """Set them; the stub's counters begin anew."""
        self._ask(f"reset?ai_ms={ai_ms}&graph_ms={graph_ms}&jitter={jitter}")

    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._ask("stats"))
        return found

    def deliveries(self) -> list[tuple[int, ...]]:
        """(message, contact, count, scheduled us, first us, last us)."""
        return [tuple(map(int, line.split())) for line in self._ask("dump").decode().splitlines()]

    def load(self, **flags: float) -> dict[str, Any]:
        """Webhooks; the figures of the generator once it has ended."""
        return collect(self.start_load(**flags))

    def start_load(self, **flags: float) -> subprocess.Popen[bytes]:
        """The same, running on beside the caller; `collect` has its figures."""
        compiled = places.program("loadgen")
        command = [str(compiled)] if compiled else [sys.executable, "-m", "bench.loader"]
        given = {"port": self.port, "path": PATH, "secret": SECRET, **flags}
        for name, value in given.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=machine.ROOT)
        hurry(process)
        return process

    def backlog(self, count: int, contacts: int = 1000) -> int:
        """Queue messages while no worker runs; how many were taken."""
        return int(self.load(count=count, conns=32, contacts=contacts)["acked_unique"])

    def wait_delivered(self, count: int, seconds: float) -> int:
        """Until so many have left, or that long after the first one; how many have.

        Raises:
            SystemExit: none has: what is broken has no speed.
        """
        if not wait(lambda: self.stats()["unique"], 20, 0.02):
            raise SystemExit(f"nothing is answered\n{self._last_words()}")
        wait(lambda: self.stats()["unique"] >= count, seconds, 0.05)
        return int(self.stats()["unique"])

    def rate(self) -> float:
        """Messages a second, without the start and the end."""
        return steady_rate([row[4] for row in self.deliveries()])

    def _stub_command(self) -> list[str]:
        compiled = places.program("stub")
        return [str(compiled), str(self.stub_port)] if compiled else [
            sys.executable, "-m", "bench.stub", str(self.stub_port),
        ]  # fmt: skip

    def _ask(self, what: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.stub_port}/control/{what}", timeout=30) as answer:
            return bytes(answer.read())

    def _environment(self, settings: dict[str, str]) -> dict[str, str]:
        stub = f"http://127.0.0.1:{self.stub_port}"
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
        return {
            **kept, **SETTINGS, "REDIS_URL": self.url, "PORT": str(self.port), "WHATSAPP_APP_SECRET": SECRET,
            "WHATSAPP_PHONE_ID": NUMBER, "WHATSAPP_ACCESS_TOKEN": "bench-token", "GRAPH_API_URL": stub,
            "OPENAI_BASE_URL": f"{stub}/v1", **self._settings, **settings,
        }  # fmt: skip

    def _started(self, command: list[str], settings: dict[str, str]) -> subprocess.Popen[bytes]:
        environment = self._environment(settings)
        return subprocess.Popen(command, env=environment, cwd=machine.ROOT, stdout=self._log, stderr=self._log)

    def _last_words(self) -> str:
        """The end of what the processes have logged."""
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - 1000))
        return self._log.read().decode(errors="replace")

    @contextmanager
    def _process(self, command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
        process = self._started(command, {})
        try:
            yield process
        finally:
            end(process)


class Meter:
    """CPU of a rig's processes since it was made, seconds."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._foreign = machine.Foreign()
        self._first = self._read()

    def done(self, generator: float = 0.0) -> dict[str, float]:
        """By process: web, worker, redis, stub; and `foreign_pct` of the machine, all cores 100 %.

        `generator`: what the load used. Workers that were started meanwhile count in whole.
        """
        used = {name: max(0.0, value - self._first[name]) for name, value in self._read().items()}
        used["foreign_pct"] = self._foreign.percent(sum(used.values()) + generator)
        return used

    def _read(self) -> dict[str, float]:
        rig = self._rig
        redis = rig.db.info("cpu")
        return {
            "web": machine.cpu([rig.web.pid]) if rig.web else 0.0,
            "worker": machine.cpu(process.pid for process in rig.workers),
            "redis": float(redis["used_cpu_sys"] + redis["used_cpu_user"]),
            "stub": machine.cpu([rig.stub.pid]),
            "bench": time.process_time(),
        }


def collect(generator: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The figures of a load that runs."""
    said, _ = generator.communicate(timeout=300)
    if generator.returncode:
        raise SystemExit("the load generator failed")
    found: dict[str, Any] = json.loads(said)
    return found


def wait_for_port(port: int, seconds: float = 30) -> None:
    def listens() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 0.5).close()
        except OSError:
            return False
        return True

    if not wait(listens, seconds, 0.05):
        raise SystemExit(f"nothing listens on port {port}")


def end(process: subprocess.Popen[bytes], seconds: float = 5) -> None:
    """SIGTERM, then kill -9 for it and what it has started."""
    below = machine.tree(process.pid)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        for one in below:
            if one.is_running():
                one.kill()
        process.wait()


def hurry(process: subprocess.Popen[bytes]) -> None:
    """The stub and the load stand for other machines: they come first, where that is allowed."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, -5)
