"""Memory over 200,000 jobs in 500 lanes: `python -m bench retention [jobs]`; prints it every 25,000 jobs."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import psutil

from bench.engine import PATH, QUEUE, Crew, connect, finished, server, wait, wait_for_workers
from common.queueing import keys
from common.queueing.job import JobSpec, enqueue_many

STEP, KEPT = 25_000, 10_000


def main(argv: Sequence[str] = ()) -> None:
    count = int(argv[0]) if argv else 200_000
    with server() as url, Crew(url) as crew:
        db = connect(url)
        empty = int(db.info("memory")["used_memory"])
        process = psutil.Process(crew.worker(concurrency=50).pid)
        wait_for_workers(db, 1)
        for start in range(0, count, STEP):
            jobs = (
                JobSpec(id=f"r{n}", queue=QUEUE, func=PATH + "noop", lane=f"l{n % 500}")
                for n in range(start, start + STEP)
            )
            enqueue_many(db, jobs, now=time.time())
            if not wait(lambda end=start + STEP: finished(db) >= end, 120, 0.05):
                raise SystemExit("it does not get on")
            used, kept = int(db.info("memory")["used_memory"]) - empty, int(db.zcard(keys.finished(QUEUE)))
            print(
                f"{start + STEP:8} jobs: Redis {used / 1e6:5.1f} MB, {kept} kept, {used / max(1, kept):5.0f} bytes each"
                f"; worker {process.memory_info().rss >> 20} MB", flush=True,
            )  # fmt: skip
        db.delete(*db.scan_iter("rq:job:*", count=1000))
        print(f"without them: {(int(db.info('memory')['used_memory']) - empty) / 1e6:.1f} MB; at most {KEPT} are kept")


if __name__ == "__main__":
    main(sys.argv[1:])
