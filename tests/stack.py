"""The whole of Relevo as processes, as the Procfile starts them, with the Graph simulator in place of Meta."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import requests
from redis import Redis

from common.graph.simulator.client import SimulatorClient
from common.sample.load import load
from tests.builders import PHONE_ID
from tests.conftest import ROOT, RedisServer, free_port

Found = TypeVar("Found")
SECRETS = {
    "WHATSAPP_PHONE_ID": PHONE_ID,
    "WHATSAPP_ACCESS_TOKEN": "flow-token",
    "WHATSAPP_VERIFY_TOKEN": "flow-verify",
    "WHATSAPP_APP_SECRET": "flow-secret",
    "ENCRYPTION_KEY": "flow-key",
    "CONSOLE_PASSWORD": "flow-password",
    "ADMIN_API_KEY": "flow-admin",
}


def procfile() -> dict[str, list[str]]:
    """The commands of the Procfile, run by this Python."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    commands = dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))
    return {name: [sys.executable, *shlex.split(command)[1:]] for name, command in commands.items()}


class Stack:
    """Processes that are started, killed and stopped one by one; logs go to files of `folder`.

    Args:
        settings: environment on top of the defaults, e.g. QUIET_SECONDS="0".
    """

    def __init__(self, folder: Path, *, aof: str = "everysec", **settings: str) -> None:
        self.folder = folder
        self.redis = RedisServer(folder, aof=aof)
        self.web_port, self.sim_port, self.console_port = free_port(), free_port(), free_port()
        self.web_url = f"http://127.0.0.1:{self.web_port}"
        self.webhook = f"{self.web_url}/api/whatsapp/webhook"
        self.console_url = f"http://127.0.0.1:{self.console_port}"
        self.simulator = SimulatorClient(f"http://127.0.0.1:{self.sim_port}")
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.settings = {
            **SECRETS, "HOST": "127.0.0.1", "PORT": str(self.web_port), "CONSOLE_PORT": str(self.console_port),
            "REDIS_URL": self.redis.url, "GRAPH_API_URL": f"http://127.0.0.1:{self.sim_port}",
            "BASE_URL": self.web_url, "QUIET_SECONDS": "0.2", "WORKER_LEASE_SECONDS": "3", "SETTLE_SECONDS": "3",
            "GRAPH_TIMEOUT_SECONDS": "3", "RETRY_BASE_SECONDS": "0.2", "RETRY_CAP_SECONDS": "2", **settings,
        }  # fmt: skip

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG", "TMPDIR"}}
        return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), **self.settings}

    def start(self, *names: str, sim_flags: tuple[str, ...] = ()) -> Stack:
        """Redis, the sample shop, the simulator, then `names` of the Procfile (default: all that answers customers)."""
        self.start_redis()
        with self.db() as db:
            load(db, "default")
        self.launch("simulator", [
            sys.executable, "-m", "common.graph.simulator", "--port", str(self.sim_port), "--webhook", self.webhook,
            *sim_flags,
        ])  # fmt: skip
        for name in names or ("web", "worker", "scheduler"):
            self.run(name)
        self.wait_until(lambda: self._answers(self.simulator_health), "the simulator")
        if "web" in self.processes:
            self.wait_until(lambda: self._answers(f"{self.web_url}/healthz"), "web")
        return self

    def start_redis(self) -> None:
        """What everything else needs."""
        self.redis.start()

    @property
    def simulator_health(self) -> str:
        return f"http://127.0.0.1:{self.sim_port}/_sim/ledger"

    def run(self, name: str, *, as_name: str | None = None, **settings: str) -> None:
        """Start process type `name` of the Procfile once more."""
        self.launch(as_name or name, procfile()[name], **settings)

    def launch(self, name: str, command: list[str], **settings: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, env={**self.environment(), **settings}, stdout=log, stderr=log, cwd=ROOT
            )

    def kill(self, name: str) -> None:
        """kill -9."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """SIGTERM to all, kill -9 to what does not go; then Redis."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
        self.redis.close()

    def db(self) -> Redis:
        return Redis.from_url(self.redis.url)

    def logs(self) -> str:
        """The end of every log, for a failure's message."""
        parts = [f"--- {path.name}\n{path.read_text(errors='replace')[-2500:]}" for path in self.folder.glob("*.log")]
        return "\n".join(parts)

    def wait_until(self, look: Callable[[], Found], what: str, *, seconds: float = 30.0) -> Found:
        """The first true answer of `look`, asked every 50 ms.

        Raises:
            AssertionError: none in time; its message ends with the logs.
        """
        until = time.monotonic() + seconds
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > until:
                raise AssertionError(f"waited {seconds:g} s for {what}\n{self.logs()}")
            time.sleep(0.05)

    def say(self, text: str, wa_id: str = "573001234567", **more: Any) -> str:
        """The customer writes; returns the wamid."""
        return str(self.simulator.say(wa_id=wa_id, text=text, **more)["wamid"])

    def answers(self, wa_id: str = "573001234567") -> list[str]:
        """The texts (or types) that the customer got, in order."""
        return [self._readable(entry) for entry in self.simulator.ledger(to=wa_id)]

    @staticmethod
    def _readable(entry: dict[str, Any]) -> str:
        body = entry["body"]
        return str(body["text"]["body"] if body["type"] == "text" else body["type"])

    @staticmethod
    def _answers(url: str) -> bool:
        try:
            return requests.get(url, timeout=2).ok
        except requests.RequestException:
            return False
