"""Queueing a job, and running one that does nothing or one INCR: what the queue itself costs.

`bullmq_*`: the same INCR on BullMQ in the same round, where the peer harness has installed it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import psutil
from redis import Redis

from bench import queues
from bench.engine import Crew, connect, finished, server, specs, wait
from bench.phases.size import Figures, Size, alone
from common.queueing.job import JobSpec, enqueue, enqueue_many

LANES = 2_000


def measure(size: Size) -> Figures:
    count = size.count(20_000)
    found: dict[str, float] = {}
    with server() as url, connect(url) as db:
        found |= _queued(db, "one", count // 5, lambda jobs: [enqueue(db, job, now=time.time()) for job in jobs])
        found |= _queued(db, "many", count, lambda jobs: enqueue_many(db, jobs, now=time.time()))
        found |= _worked_off(db, url, count)
        for one in queues.contestants():
            if one.name in {"relevo", "bullmq"}:
                rate, worker, redis = queues.measure(one, url, db)
                name = "incr" if one.name == "relevo" else one.name
                found |= {f"{name}_rate": rate, f"{name}_cpu_1k": worker, f"{name}_redis_1k": redis}
    return {"jobs": found}


def _queued(db: Redis, name: str, count: int, act: Callable[[list[JobSpec]], object]) -> dict[str, float]:
    """Jobs a second, and ms of our CPU a job."""
    db.flushall()
    jobs = list(specs("noop", count, LANES))
    began, used = time.perf_counter(), time.process_time()
    act(jobs)
    seconds, used = time.perf_counter() - began, time.process_time() - used
    return {f"enqueue_{name}_rate": count / seconds, f"enqueue_{name}_cpu_1k": 1000 * used / count}


def _worked_off(db: Redis, url: str, count: int) -> dict[str, float]:
    """Jobs that do nothing; between 10 and 95 % of them, so that the start of the worker does not count."""
    db.flushall()
    enqueue_many(db, specs("noop", count, LANES), now=time.time())
    with Crew(url) as crew:
        worker = psutil.Process(crew.worker(concurrency=50).pid)
        seen = []
        for share in (0.1, 0.95):
            if not wait(lambda goal=share * count: finished(db) >= goal, 60, 0.002):
                raise SystemExit("it does not get on")
            seen.append((time.perf_counter(), queues.cpu(worker), queues.redis_cpu(db), finished(db)))
    seconds, used, redis, jobs = (late - early for early, late in zip(*seen, strict=True))
    return {"noop_rate": jobs / seconds, "noop_cpu_1k": 1000 * used / jobs, "noop_redis_1k": 1000 * redis / jobs}


def main(argv: Sequence[str] = ()) -> None:
    alone(measure, argv)
