"""What a job costs in the queue itself: `python -m bench noop [noop|incr|paced|nap ...]`.

Starts its own redis-server and one worker process; prints jobs a second and CPU milliseconds a job for both.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Sequence

from redis import Redis

from bench.engine import QUEUE, Crew, connect, finished, server, specs, wait_for_workers
from common.queueing import keys
from common.queueing.job import enqueue, enqueue_many


def redis_cpu(db: Redis) -> float:
    used = db.info("cpu")
    return used["used_cpu_sys"] + used["used_cpu_user"]


def preloaded(url: str, name: str, func: str, count: int, *, lanes: int = 0, concurrency: int = 50) -> None:
    """Queue everything, then let one worker run it dry."""
    db = connect(url)
    db.flushall()
    enqueue_many(db, specs(func, count, lanes), now=time.time())
    redis, began = redis_cpu(db), 0.0
    with Crew(url) as crew:
        worker = crew.worker(burst=True, concurrency=concurrency)
        while worker.poll() is None:
            began = began or (time.perf_counter() if db.zcard(keys.wip(QUEUE)) or finished(db) else 0.0)
            time.sleep(0.01)
            if finished(db) >= count:
                break
        seconds, cpu, held = time.perf_counter() - began, *spent(worker)
    tell(name, count / seconds, cpu / count, (redis_cpu(db) - redis) / count, held)


def paced(url: str, rate: int, seconds: int = 8) -> None:
    """Jobs of 250 ms come one by one, each its own lane: nothing to batch."""
    db = connect(url)
    db.flushall()
    with Crew(url) as crew:
        worker = crew.worker(concurrency=max(100, rate))
        wait_for_workers(db, 1)
        count, redis, began = rate * seconds, redis_cpu(db), time.time()
        for n, spec in enumerate(specs("nap", count, count, seconds=0.25)):
            time.sleep(max(0.0, began + n / rate - time.time()))
            enqueue(db, spec, now=time.time())
        while finished(db) < count:
            time.sleep(0.02)
        redis = redis_cpu(db) - redis
        worker.terminate()
        cpu, held = spent(worker)
    tell(f"250 ms jobs paced at {rate}/s", rate, cpu / count, redis / count, held)


def tell(name: str, rate: float, worker: float, redis: float, held: int) -> None:
    print(
        f"{name:34} {rate:8.0f} jobs/s   worker {worker * 1e3:.3f}   redis {redis * 1e3:.3f} ms CPU a job"
        f"   worker {held >> 10} MB", flush=True,
    )  # fmt: skip


def spent(process: subprocess.Popen[bytes]) -> tuple[float, int]:
    """Seconds of CPU of a process at its end, less what its start costs; and the most any process of ours held, KB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used - START_CPU, after.ru_maxrss


START_CPU = 0.0


def main(wanted: Sequence[str] = ()) -> None:
    global START_CPU  # noqa: PLW0603  measured once
    wanted = wanted or ("noop", "incr", "nap", "paced")
    with server() as url, Crew(url) as crew:
        START_CPU = spent(crew.worker(burst=True, concurrency=50))[0]
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
    main(sys.argv[1:])
