"""Fixtures that all tests share: a private redis-server, and clients on it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

ROOT = Path(__file__).resolve().parent.parent

# The machine may be busy: an example that takes long is no failure, one that never ends meets pytest's time limit. A
# repeated run tries the same examples; new ones are looked for with `--hypothesis-profile=explore`.
settings.register_profile("relevo", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=2_000)
settings.load_profile("relevo")


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


MEMORY = Path("/dev/shm")
ROOM = 1 << 30  # bytes that must be free there


def data_folder(elsewhere: Path) -> Path:
    """A new folder for Redis' data, in memory if there is room: a disk that others keep busy would hold its fsync up,
    and with it every story."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        elsewhere = MEMORY
    return Path(tempfile.mkdtemp(prefix="relevo-redis-", dir=elsewhere))


class RedisServer:
    """A redis-server of our own; can be killed and started again on the same data.

    Args:
        folder: where its data goes when there is no room in memory.
        aof: appendfsync; None: it keeps nothing.
    """

    def __init__(self, folder: Path, *, aof: str | None = None, extra: tuple[str, ...] = ()) -> None:
        self.port = free_port()
        self.folder = data_folder(folder)
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.args = ["--appendonly", "yes", "--appendfsync", aof] if aof else ["--appendonly", "no"]
        self.args += ["--save", "", "--maxmemory-policy", "noeviction", *extra]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> RedisServer:
        binary = shutil.which("redis-server") or str(Path(sys.executable).parent / "redis-server")
        self.process = subprocess.Popen(
            [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), *self.args],
            stdout=subprocess.DEVNULL,
        )
        self.wait_ready()
        return self

    def wait_ready(self, seconds: float = 15.0) -> None:
        until = time.monotonic() + seconds
        with Redis(port=self.port) as probe:
            while True:
                try:
                    probe.ping()
                except RedisConnectionError:  # also while it loads its data
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.02)
                else:
                    return

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self) -> None:
        """kill -9, and its data is gone."""
        self.kill()
        self._remove()

    def copy(self) -> Path:
        """What its data is now; `forget` brings it back."""
        kept = self.folder.with_name(f"{self.folder.name}-{time.monotonic_ns()}")
        weakref.finalize(self, shutil.rmtree, kept, ignore_errors=True)
        return Path(shutil.copytree(self.folder, kept))

    def forget(self, kept: Path) -> None:
        """kill -9, and start from older data: what was confirmed since is forgotten."""
        self.kill()
        shutil.rmtree(self.folder)
        kept.rename(self.folder)
        self.start()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.close()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """An empty Redis."""
    with Redis.from_url(redis_server.url) as db:
        db.flushall()
        db.script_flush()
    return redis_server.url


@pytest.fixture
def db(redis_url: str) -> Iterator[Redis]:
    """A blocking client on an empty Redis."""
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's machine leaks into a test."""
    for name in list(os.environ):
        if name.startswith(("REDIS_", "WHATSAPP_", "OPENAI_", "ANTHROPIC_", "AI_", "CONSOLE_", "WORKER_", "QUIET_")):
            monkeypatch.delenv(name)
