"""`make up` as a person uses it: it starts, answers, stops cleanly, and survives being killed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from redis import Redis

from common.dev import leftovers
from common.dev.lock import Lock
from common.store import keys

ROOT = Path(__file__).resolve().parents[2]
ANA, CARLA = "573001112233", "573207778899"

pytestmark = [pytest.mark.flow, pytest.mark.redis, pytest.mark.timeout(240)]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Up:
    """One installation in a folder of its own; may be started several times."""

    def __init__(self, folder: Path) -> None:
        shutil.copy(ROOT / "Procfile", folder)
        self.folder = folder
        self.home = folder / ".relevo"
        self.web, self.console, self.simulator = free_ports(3)
        self.output = folder / "output"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **env: str) -> subprocess.Popen[bytes]:
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "common.dev.up", "--web-port", str(self.web),
                    "--console-port", str(self.console), "--simulator-port", str(self.simulator),
                ],
                cwd=self.folder, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **env},
            )  # fmt: skip
        return self.process

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def wait(self, true: Callable[[], Any], seconds: float = 90.0) -> None:
        until = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < until, self.said() + self.logs()
            assert self.process is not None
            assert self.process.poll() is None, self.said() + self.logs()
            time.sleep(0.1)

    def logs(self) -> str:
        return "".join(f"\n{path.name}\n{path.read_text()[-1500:]}" for path in (self.home / "logs").glob("*.log"))

    def ready(self) -> bool:
        return "Answer as the shop" in self.said()

    def answers(self, wa_id: str) -> int:
        ledger = f"http://127.0.0.1:{self.simulator}/_sim/ledger"
        return len(requests.get(ledger, params={"to": wa_id}, timeout=5).json())

    def say(self, wa_id: str, text: str) -> None:
        body = {"wa_id": wa_id, "name": "Carla", "text": text}
        requests.post(f"http://127.0.0.1:{self.simulator}/_sim/say", json=body, timeout=5).raise_for_status()

    def conversations(self) -> list[bytes]:
        found = re.search(r"redis at (\S+),", self.said())
        assert found
        with Redis.from_url(found[1]) as db:
            return list(db.zrange(keys.index("default", "all"), 0, -1))

    def left(self) -> list[str]:
        return [" ".join(process.cmdline()) for process in leftovers.marked(self.home)]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    installation = Up(tmp_path)
    yield installation
    if installation.process:
        installation.process.kill()
        installation.process.wait()
    leftovers.stop(leftovers.marked(installation.home), grace=5)


def test_it_answers_survives_a_kill_and_stops_cleanly(up: Up) -> None:
    """The sample customers are answered; after kill -9 a second start has all data; Ctrl-C leaves no process."""
    # A first start plays the conversation, and both customers get answers.
    first = up.start()
    up.wait(up.ready)
    assert up.answers(ANA) >= 2
    assert "no answer came" not in up.said()
    assert f"http://127.0.0.1:{up.console}/" in up.said()
    before = up.conversations()
    assert 2 == len(before)
    password = re.search(r"password: (\w+)", up.said())

    # The supervisor is killed: a second start finds what is left, and the data.
    first.kill()
    first.wait()
    up.start()
    up.wait(up.ready)
    assert before == up.conversations()
    assert "two customers write" not in up.said()
    again = re.search(r"password: (\w+)", up.said())
    assert password
    assert again
    assert password[1] == again[1]

    # It still answers.
    up.say(CARLA, "¿Cuánto cuesta el envío a Bogotá?")
    up.wait(lambda: up.answers(CARLA))

    # Ctrl-C ends everything.
    assert up.process
    up.process.send_signal(signal.SIGINT)
    assert 0 == up.process.wait(30), up.said()
    assert up.left() == []
    assert "nothing is left running" in up.said()
    assert "Traceback" not in up.said()


def test_a_busy_port_is_one_clear_line(up: Up) -> None:
    """It says which port and what to do, and starts nothing."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", up.console))
        taken.listen()

        assert 2 == up.start().wait(30)

    (line,) = up.said().splitlines()
    assert f"port {up.console} (console) is in use" in line
    assert up.left() == []


def test_a_wrong_setting_is_one_clear_line(up: Up) -> None:
    """It names the setting and what is allowed, and starts nothing."""
    assert 2 == up.start(LOG_LEVEL="LOUD").wait(30)

    (line,) = up.said().splitlines()
    assert "setting LOG_LEVEL" in line
    assert "INFO" in line
    assert up.left() == []


def test_a_redis_that_is_not_there_is_one_clear_line(up: Up) -> None:
    """A person's own Redis is not waited for: they are told, and what else they can do."""
    (nowhere,) = free_ports(1)

    assert 1 == up.start(REDIS_URL=f"redis://127.0.0.1:{nowhere}/0").wait(30)

    assert "REDIS_URL does not answer" in up.said().splitlines()[0]
    assert up.left() == []


def test_a_second_one_in_the_same_folder_says_who_runs(up: Up) -> None:
    """Two supervisors on one data folder would fight over it."""
    lock = Lock(up.home)
    assert lock.take()
    try:
        assert 1 == up.start().wait(30)
    finally:
        lock.release()

    assert f"already running (pid {os.getpid()})" in up.said()
