"""A limit of 100 jobs a second over 4 worker processes for 20 s: `python -m bench limiter`."""

from __future__ import annotations

import sys
import time
from bisect import bisect_left
from collections.abc import Sequence

from bench.engine import QUEUE, Crew, connect, server, specs, wait, wait_for_workers
from common.queueing import manage
from common.queueing.job import enqueue_many


def main(_argv: Sequence[str] = ()) -> None:
    rate, seconds, processes = 100, 20, 4
    with server() as url, Crew(url) as crew:
        db = connect(url)
        manage.limit(db, QUEUE, jobs=rate, seconds=1, burst=rate // 10)
        for _ in range(processes):
            crew.worker(concurrency=50)
        wait_for_workers(db, processes)
        enqueue_many(db, specs("start_time", rate * seconds), now=time.time())
        wait(lambda: db.llen("started") >= rate * seconds, seconds * 2, 0.1)
        times = sorted(float(one) for one in db.lrange("started", 0, -1))
        span = times[-1] - times[0]
        most = max(bisect_left(times, at + 1.0) - n for n, at in enumerate(times))
        print(f"{len(times)} jobs in {span:.2f} s: {(len(times) - 1) / span:.1f}/s, at most {most} in any second")


if __name__ == "__main__":
    main(sys.argv[1:])
