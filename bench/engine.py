"""What the queue's measurements share: jobs, a Redis of their own, worker and scheduler processes.

`python -m bench.engine '<json options>'` is a worker process.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from redis import Redis

from common.errors import ChannelError
from common.queueing import keys
from common.queueing.job import JobSpec
from common.store.multiplex import Multiplexed
from workers.engine import AsyncWorker
from workers.engine.failure import RetryPolicy
from workers.engine.startup import wait_for_redis

QUEUE = "bench"
PATH = "bench.engine."
_db: Multiplexed | None = None


def shared() -> Multiplexed:
    """One client a process, as the product has it."""
    global _db  # noqa: PLW0603
    if _db is None:
        _db = Multiplexed.from_url(os.environ["BENCH_REDIS"])
    return _db


async def noop() -> None:
    """Nothing: the queue's own cost."""


async def incr() -> None:
    """One INCR, as benches of other queues do."""
    await shared().incr("done")


async def nap(seconds: float = 0.2) -> None:
    """Waits, as a job that calls a model does."""
    await asyncio.sleep(seconds)


async def stamp(due: float) -> None:
    """Says how late it is."""
    await shared().rpush("late", time.time() - due)


async def start_time() -> None:
    """Says when it began."""
    await shared().rpush("started", time.time())


async def turn(lane: int, n: int, fails: float) -> None:
    """One job of a lane, which tells when another runs beside it."""
    db = shared()
    if random.random() < fails:
        raise ChannelError("planned")
    token = f"{n}:{random.random()}"
    beside = await db.set(f"busy:{lane}", token, px=400, get=True)
    if beside and not beside.decode().startswith(f"{n}:"):
        await db.rpush("overlaps", f"{lane}:{n}")
    await asyncio.sleep(0.02)
    await db.rpush(f"order:{lane}", n)
    await db.delete(f"busy:{lane}")


def specs(func: str, count: int, lanes: int = 0, **kwargs: float) -> Iterator[JobSpec]:
    for n in range(count):
        lane = f"l{n % lanes}" if lanes else ""
        yield JobSpec(id=f"j{n}", queue=QUEUE, func=PATH + func, lane=lane, kwargs=kwargs)


@contextmanager
def server() -> Iterator[str]:
    """The address of a Redis that ends with the block."""
    with socket.socket() as probe, tempfile.TemporaryDirectory() as folder:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        binary = shutil.which("redis-server") or str(Path(sys.executable).parent / "redis-server")
        command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            url = f"redis://127.0.0.1:{port}/0"
            connect(url)
            yield url
        finally:
            process.kill()
            process.wait()


def connect(url: str) -> Redis:
    db = Redis.from_url(url)
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            db.ping()
        except OSError:
            time.sleep(0.02)
        except Exception:  # noqa: BLE001  it loads, or does not listen yet
            time.sleep(0.02)
        else:
            return db
    raise SystemExit("Redis did not start")


class Crew:
    """Processes of ours; ended with the block."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.all: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.all:
            if process.poll() is None:
                process.kill()
            process.wait()

    def worker(self, **options: object) -> subprocess.Popen[bytes]:
        return self.start([sys.executable, "-m", "bench.engine", json.dumps(options)])

    def scheduler(self) -> subprocess.Popen[bytes]:
        return self.start([sys.executable, "-m", "workers.scheduler"])

    def start(self, command: list[str], **environment: str) -> subprocess.Popen[bytes]:
        ours = {"BENCH_REDIS": self.url, "REDIS_URL": self.url, "LOG_LEVEL": "ERROR"}
        process = subprocess.Popen(command, env={**os.environ, **ours, **environment})
        self.all.append(process)
        return process


def finished(db: Redis) -> int:
    return int(db.hget(keys.totals(QUEUE), "finished") or 0)


def wait(check: Callable[[], object], seconds: float, every: float = 0.02) -> bool:
    """Whether it came about in time."""
    until = time.monotonic() + seconds
    while not check():
        if time.monotonic() > until:
            return False
        time.sleep(every)
    return True


def wait_for_workers(db: Redis, count: int) -> None:
    if not wait(lambda: int(db.scard(keys.WORKERS)) >= count, 20):
        raise SystemExit("the workers did not start")


def main() -> None:
    """A worker process."""
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "WARNING"))
    options = json.loads(sys.argv[1])
    connection = Redis.from_url(os.environ["BENCH_REDIS"])
    wait_for_redis(connection, most=10)
    burst = options.pop("burst", False)
    retry = RetryPolicy(options.pop("base", 2.0), options.pop("cap", 300.0))
    AsyncWorker([QUEUE], connection=connection, allow=[PATH], retry=retry, **options).work(burst=burst)


if __name__ == "__main__":
    main()
