"""Everything dies under load: `python -m bench storm [kills]`.

10 lanes of 200 jobs, 40 % of the runs fail, 3 workers and 2 schedulers, kill -9 of one of them at random, 30 times.
Counts what is lost, out of order, beside another of its lane, and how long a dead worker's jobs stood still.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Sequence

from redis import Redis

from bench.engine import PATH, QUEUE, Crew, connect, server, wait, wait_for_workers
from common.queueing import inspect, keys
from common.queueing.job import JobSpec, enqueue_many

LANES, JOBS, FAILS, WORKERS, SCHEDULERS, LEASE = 10, 200, 0.4, 3, 2, 12


def fill(db: Redis) -> None:
    enqueue_many(
        db,
        (
            JobSpec(id=f"t{lane}-{n}", queue=QUEUE, func=PATH + "turn", lane=f"l{lane}", attempts=60,
                    kwargs={"lane": lane, "n": n, "fails": FAILS})
            for n in range(JOBS) for lane in range(LANES)
        ),
        now=time.time(),
    )  # fmt: skip


class Orphans:
    """Runs of dead workers, and how long it took until their jobs ran again or were over."""

    def __init__(self, db: Redis) -> None:
        self._db = db
        self._open: list[tuple[float, str, bytes]] = []
        self.waited: list[float] = []

    def of(self, pid: int) -> None:
        """The worker with this process id has just died."""
        for worker in inspect.workers(self._db):
            if worker.pid == pid:
                for key in self._db.smembers(keys.worker_executions(worker.name)):
                    job, _, execution = key.decode().rpartition(":")
                    self._open.append((time.time(), job, execution.encode()))

    def look(self) -> bool:
        """Whether none is left."""
        still = []
        for since, job, execution in self._open:
            status, latest = self._db.hmget(keys.job(job), "status", "execution")
            if latest == execution and status in {b"started", b"queued"}:
                still.append((since, job, execution))
            else:
                self.waited.append(time.time() - since)
        self._open = still
        return not still


def storm(crew: Crew, db: Redis, orphans: Orphans, kills: int) -> None:
    options = {"concurrency": 20, "lease": LEASE, "base": 0.05, "cap": 0.4}
    workers = [crew.worker(**options) for _ in range(WORKERS)]
    schedulers = [crew.scheduler() for _ in range(SCHEDULERS)]
    wait_for_workers(db, WORKERS)
    for _ in range(kills):
        wait(lambda: orphans.look() and False, random.uniform(0.3, 1.2), 0.05)
        n = random.randrange(WORKERS + SCHEDULERS)
        crews, start = (workers, lambda: crew.worker(**options)) if n < WORKERS else (schedulers, crew.scheduler)
        n %= len(crews)
        crews[n].kill()
        crews[n].wait()
        orphans.of(crews[n].pid)
        crews[n] = start()


def judge(db: Redis) -> dict[str, int]:
    orders = [[int(n) for n in db.lrange(f"order:{lane}", 0, -1)] for lane in range(LANES)]
    return {
        "lost": sum(JOBS - len(set(order)) for order in orders),
        "out of order": sum(order != sorted(order) for order in orders),
        "beside another": int(db.llen("overlaps")),
        "done twice": sum(len(order) - len(set(order)) for order in orders),
        "runs cut short": int(db.hget(keys.totals(QUEUE), "abandoned") or 0),
        "runs that failed": int(db.hget(keys.totals(QUEUE), "retried") or 0),
    }


def main(argv: Sequence[str] = ()) -> None:
    kills, total = int(argv[0]) if argv else 30, LANES * JOBS
    with server() as url, Crew(url) as crew:
        db = connect(url)
        fill(db)
        orphans, began = Orphans(db), time.time()
        storm(crew, db, orphans, kills)
        done = wait(lambda: orphans.look() and int(db.zcard(keys.finished(QUEUE))) >= total, 300, 0.05)
        took, ended = time.time() - began, "all ended" if done else "NOT ALL ENDED"
        print(f"{total} jobs in {LANES} lanes, {kills} kills, {took:.0f} s: {ended}")
        for name, count in judge(db).items():
            print(f"  {name:18} {count}")
        if orphans.waited:
            worst, middle = max(orphans.waited), statistics.median(orphans.waited)
            count = len(orphans.waited)
            print(f"  {count} jobs of dead workers ran again after {middle:.1f} s (median), {worst:.1f} s (worst)")


if __name__ == "__main__":
    main(sys.argv[1:])
