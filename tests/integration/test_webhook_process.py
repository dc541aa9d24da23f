"""The web process itself: `python -m webhook_app` on a real port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import orjson
import psutil
import pytest
import requests
from redis import Redis

from common.channels.whatsapp.signature import sign
from common.messages import DEFAULT_TENANT, message_id
from common.store import keys
from tests.conftest import ROOT, RedisServer, free_port
from tests.webhook_bodies import body_of, text_message, value_of

SECRET = "app-secret"
PATH = "/api/whatsapp/webhook"


def environment(port: int, redis_url: str, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "PORT": str(port), "HOST": "127.0.0.1", "REDIS_URL": redis_url, "WHATSAPP_APP_SECRET": SECRET,
        "WHATSAPP_VERIFY_TOKEN": "verify-me",
    } | more  # fmt: skip


def run(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Start the process where it is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "webhook_app"],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@contextmanager
def serving(
    port: int, redis_url: str, *, stdout: IO[bytes] | int = subprocess.DEVNULL, **more: str
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "webhook_app"], env=environment(port, redis_url, **more), cwd=ROOT, stdout=stdout
    )
    try:
        until(lambda: answers(port))
        yield process
    finally:
        process.terminate()
        process.wait(timeout=25)


def until(true, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=2).ok
    except requests.ConnectionError:
        return False


def bindable(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def post(port: int, wamid: str) -> requests.Response:
    raw = orjson.dumps(body_of(value_of(messages=[text_message(wamid)])))
    headers = {"X-Hub-Signature-256": sign(raw, SECRET.encode()), "Content-Type": "application/json"}
    return requests.post(f"http://127.0.0.1:{port}{PATH}", data=raw, headers=headers, timeout=15)


@pytest.fixture
def port() -> int:
    return free_port()


def test_the_process_takes_a_webhook_and_ends_on_sigterm(port, redis_url, db):
    """Verified, stored, answered; then it ends with 0 and leaves nobody behind."""
    with serving(port, redis_url) as process:
        asked = {"hub.mode": "subscribe", "hub.verify_token": "verify-me", "hub.challenge": "1158"}
        assert requests.get(f"http://127.0.0.1:{port}{PATH}", params=asked, timeout=5).text == "1158"
        assert post(port, "wamid.1").status_code == 200
        assert db.exists(keys.message(DEFAULT_TENANT, message_id("wamid.1")))
        children = psutil.Process(process.pid).children(recursive=True)

        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=25) == 0
        assert not any(child.is_running() for child in children)


def test_a_body_of_unknown_length_has_the_same_limit(port, redis_url):
    """Chunked: taken when it is short, 413 when it goes on past 4 MiB."""
    raw = orjson.dumps(body_of(value_of(messages=[text_message("wamid.1")])))
    url, headers = f"http://127.0.0.1:{port}{PATH}", {"X-Hub-Signature-256": sign(raw, SECRET.encode())}

    with serving(port, redis_url):
        short = requests.post(url, data=iter([raw[:50], raw[50:]]), headers=headers, timeout=10)
        long = requests.post(url, data=iter([b" " * 2**20] * 5), headers=headers, timeout=10)

    assert short.status_code == 200
    assert (long.status_code, long.headers["Content-Type"]) == (413, "application/problem+json")


def test_a_killed_parent_takes_its_worker_along(port, redis_url):
    """kill -9, and the port is free for the next start."""
    with serving(port, redis_url) as process:
        children = psutil.Process(process.pid).children(recursive=True)
        assert children

        process.kill()
        process.wait()

        until(lambda: not any(child.is_running() for child in children) and bindable(port))


def test_a_killed_worker_is_replaced(port, redis_url):
    """The process itself stays."""
    with serving(port, redis_url) as process:
        (child,) = psutil.Process(process.pid).children()

        child.kill()

        until(lambda: child.pid not in {c.pid for c in psutil.Process(process.pid).children()} and answers(port))


def test_while_redis_is_away_webhooks_get_503_and_then_are_taken_again(port, tmp_path):
    """No restart is needed; what was acknowledged before is still there."""
    server = RedisServer(tmp_path, aof="always").start()
    try:
        with serving(port, server.url):
            assert post(port, "wamid.1").status_code == 200
            server.kill()
            refused = post(port, "wamid.2")
            assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
            assert requests.get(f"http://127.0.0.1:{port}/readyz", timeout=10).status_code == 503

            server.start()

            assert post(port, "wamid.2").status_code == 200
            with Redis.from_url(server.url) as db:
                assert db.exists(*(keys.message(DEFAULT_TENANT, message_id(f"wamid.{i}")) for i in (1, 2))) == 2
    finally:
        server.kill()


def test_a_busy_port_is_told_in_one_line(port, redis_url):
    """Naming the setting."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()

        ended = run(environment(port, redis_url))

    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        f"relevo: setting PORT: {port} on 127.0.0.1 cannot be used: Address already in use"
    ]


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"PORT": "abc"}, "PORT"),
        ({"PORT": "70000"}, "PORT"),
        ({"HOST": "no.such.host.invalid"}, "HOST"),
        ({"WHATSAPP_APP_SECRET": ""}, "ENCRYPTION_KEY"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_told_in_one_line(port, redis_url, wrong, name):
    """Before anything is served."""
    ended = run(environment(port, redis_url, **wrong))

    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith(f"relevo: setting {name}: ")
