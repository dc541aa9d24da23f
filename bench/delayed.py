"""How late delayed jobs are: `python -m bench delayed [jobs]`: 10,000 of them, 1,000 due a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from bench.engine import PATH, QUEUE, Crew, connect, server, wait, wait_for_workers
from common.queueing.job import JobSpec, enqueue_many


def main(argv: Sequence[str] = ()) -> None:
    count, rate, lead = int(argv[0]) if argv else 10_000, 1_000, 8.0
    with server() as url, Crew(url) as crew:
        db = connect(url)
        for _ in range(2):
            crew.scheduler()
        crew.worker(concurrency=200)
        wait_for_workers(db, 1)
        first = time.time() + lead
        dues = [first + n / rate for n in range(count)]
        jobs = (
            JobSpec(id=f"d{n}", queue=QUEUE, func=PATH + "stamp", due=due, kwargs={"due": due})
            for n, due in enumerate(dues)
        )
        enqueue_many(db, jobs, now=time.time())
        print(f"{count} delayed jobs are queued {first - time.time():.1f} s ahead of the first one's time")
        if not wait(lambda: db.llen("late") >= count, lead + count / rate + 60, 0.1):
            print(f"only {db.llen('late')} ran")
        late = sorted(float(one) for one in db.lrange("late", 0, -1))
        shown = ", ".join(f"{name} {late[int(q * (len(late) - 1))] * 1e3:.0f} ms" for name, q in
                          (("earliest", 0), ("median", 0.5), ("p99", 0.99), ("worst", 1)))  # fmt: skip
        print(f"late by: {shown}")


if __name__ == "__main__":
    main(sys.argv[1:])
