"""What a job costs in the queue itself: `python -m bench.noop_jobs [noop|incr|paced|nap ...]`.

Starts its own redis-server and one worker process; prints jobs a second and CPU milliseconds a job for both.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from common.queueing import keys
from common.queueing.job import JobSpec, enqueue, enqueue_many
from workers.engine import AsyncWorker
from workers.engine.startup import wait_for_redis

QUEUE = "bench"
_db: AsyncRedis | None = None


async def noop() -> None:
    """Nothing: the queue's own cost."""


async def incr() -> None:
    """One INCR, as benches of other queues do."""
    global _db  # noqa: PLW0603  one client a process
    if _db is None:
        _db = AsyncRedis.from_url(os.environ["BENCH_REDIS"], max_connections=200)
    await _db.incr("done")


async def nap(seconds: float = 0.2) -> None:
    """Waits, as a job that calls a model does."""
    await asyncio.sleep(seconds)


def specs(func: str, count: int, lanes: int = 0, **kwargs: float) -> Iterator[JobSpec]:
    path = f"bench.noop_jobs.{func}"
    for n in range(count):
        lane = f"l{n % lanes}" if lanes else ""
        yield JobSpec(id=f"j{n}", queue=QUEUE, func=path, lane=lane, kwargs=kwargs)


@contextmanager
def server() -> Iterator[str]:
    with socket.socket() as probe, tempfile.TemporaryDirectory() as folder:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        binary = shutil.which("redis-server") or str(Path(sys.executable).parent / "redis-server")
        command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.kill()
            process.wait()


def connect(url: str) -> Redis:
    db = Redis.from_url(url)
    wait_for_redis(db, most=10)
    return db


def redis_cpu(db: Redis) -> float:
    used = db.info("cpu")
    return used["used_cpu_sys"] + used["used_cpu_user"]


def finished(db: Redis) -> int:
    return int(db.hget(keys.totals(QUEUE), "finished") or 0)


def preloaded(url: str, name: str, func: str, count: int, *, lanes: int = 0, concurrency: int = 50) -> None:
    """Queue everything, then let one worker run it dry."""
    db = connect(url)
    db.flushall()
    enqueue_many(db, specs(func, count, lanes), now=time.time())
    redis = redis_cpu(db)
    worker = start(url, burst=True, concurrency=concurrency)
    began = 0.0
    while worker.poll() is None:
        began = began or (time.perf_counter() if db.zcard(keys.wip(QUEUE)) or finished(db) else 0.0)
        time.sleep(0.01)
        if finished(db) >= count:
            break
    seconds, cpu = time.perf_counter() - began, wait_cpu(worker)
    print(
        f"{name:34} {count / seconds:8.0f} jobs/s   worker {cpu / count * 1e3:.3f}   "
        f"redis {(redis_cpu(db) - redis) / count * 1e3:.3f} ms CPU a job"
    )


def paced(url: str, rate: int, seconds: int = 8) -> None:
    """Jobs of 250 ms come one by one, each its own lane: nothing to batch."""
    db = connect(url)
    db.flushall()
    worker = start(url, burst=False, concurrency=max(100, rate))
    while not db.scard(keys.WORKERS):
        time.sleep(0.02)
    count, redis, began = rate * seconds, redis_cpu(db), time.time()
    for n, spec in enumerate(specs("nap", count, count, seconds=0.25)):
        time.sleep(max(0.0, began + n / rate - time.time()))
        enqueue(db, spec, now=time.time())
    while finished(db) < count:
        time.sleep(0.02)
    redis = redis_cpu(db) - redis
    worker.terminate()
    cpu = wait_cpu(worker)
    print(
        f"{f'250 ms jobs paced at {rate}/s':34} {rate:8} jobs/s   worker {cpu / count * 1e3:.3f}   "
        f"redis {redis / count * 1e3:.3f} ms CPU a job"
    )


def start(url: str, *, burst: bool, concurrency: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "BENCH_REDIS": url}
    command = [sys.executable, "-m", "bench.noop_jobs", "worker", str(int(burst)), str(concurrency)]
    return subprocess.Popen(command, env=environment)


def wait_cpu(process: subprocess.Popen[bytes]) -> float:
    """Seconds of CPU of a process at its end, less what its start costs."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime - START_CPU


START_CPU = 0.0


def work() -> None:
    AsyncWorker(
        [QUEUE], connection=connect(os.environ["BENCH_REDIS"]), concurrency=int(sys.argv[3]), allow=["bench.noop_jobs."]
    ).work(burst=sys.argv[2] == "1")


def main() -> None:
    global START_CPU  # noqa: PLW0603  measured once
    wanted = set(sys.argv[1:]) or {"noop", "incr", "paced", "nap"}
    with server() as url:
        connect(url).flushall()
        START_CPU = wait_cpu(start(url, burst=True, concurrency=50))
        if "noop" in wanted:
            preloaded(url, "empty jobs", "noop", 20_000)
            preloaded(url, "empty jobs, 2,000 lanes", "noop", 20_000, lanes=2_000)
        if "incr" in wanted:
            preloaded(url, "one INCR a job", "incr", 20_000)
            preloaded(url, "one INCR a job, 2,000 lanes", "incr", 20_000, lanes=2_000)
        if "nap" in wanted:
            preloaded(url, "200 ms jobs, 50 at once", "nap", 1_000)
            preloaded(url, "200 ms jobs, 500 at once", "nap", 5_000, concurrency=500)
        if "paced" in wanted:
            paced(url, 100)
            paced(url, 400)


if __name__ == "__main__":
    work() if sys.argv[1:2] == ["worker"] else main()
