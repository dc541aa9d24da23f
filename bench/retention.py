"""Memory over 200,000 jobs in 500 lanes, and once they have expired: `python -m bench retention [jobs]`.

First with the usual ages of kept jobs, every 25,000 jobs: it grows to the bound and no further. Then with short ones,
one job in twenty failing: what is left of keys and memory when the last has expired, against what was there before.
Both times streams of fixed length (events) have been filled before. The scheduler's own jobs wait: nobody serves them.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence

import psutil
from redis import Redis

from bench.engine import PATH, QUEUE, Crew, connect, server, wait, wait_for_workers
from common.queueing import keys
from common.queueing.job import DAY, JobSpec, enqueue_many

STEP, FIRST = 25_000, 6_000
SHORT = 5  # seconds that jobs are kept in the second part
_ID = re.compile(r"[a-z]?\d+$")


def main(argv: Sequence[str] = ()) -> None:
    count = int(argv[0]) if argv else 200_000
    with server() as url, Crew(url) as crew:
        db = connect(url)
        crew.scheduler()
        process = psutil.Process(crew.worker(concurrency=50).pid)
        wait_for_workers(db, 1)
        _run(db, "w", 0, FIRST, SHORT)
        _expired(db)
        print("kept as long as usual")
        _grow(db, process, count, DAY)
        db.delete(*db.scan_iter("rq:job:k*", count=1000), *db.scan_iter("rq:results:k*", count=1000))
        db.delete(keys.finished(QUEUE), keys.failed(QUEUE))
        _run(db, "v", 0, FIRST, SHORT)
        _expired(db)
        print(f"kept for {SHORT} s")
        before = _state(db)
        _grow(db, process, count, SHORT)
        seconds = _expired(db)
        after = _state(db)
        print(
            f"{seconds:.0f} s after the last: {(after[0] - before[0]) / 1e3:+.0f} KB, {after[1] - before[1]:+} keys;"
            f" {_more(before[2], after[2]) or 'no kind of key has more than before'}"
        )  # fmt: skip


def _grow(db: Redis, process: psutil.Process, count: int, ttl: int) -> None:
    empty = int(db.info("memory")["used_memory"])
    for start in range(0, count, STEP):
        _run(db, "k" if ttl == DAY else "s", start, min(STEP, count - start), ttl)
        used, kept = int(db.info("memory")["used_memory"]) - empty, _kept(db)
        print(
            f"{start + STEP:8} jobs: Redis {used / 1e6:+6.1f} MB, {kept} kept, {used / max(1, kept):5.0f} bytes each"
            f"; worker {process.memory_info().rss >> 20} MB", flush=True,
        )  # fmt: skip


def _run(db: Redis, name: str, start: int, count: int, ttl: int) -> None:
    """Queue jobs, and wait until all of them have ended."""
    done = _ended(db)
    enqueue_many(db, _specs(name, range(start, start + count), ttl), now=time.time())
    if not wait(lambda: _ended(db) >= done + count, 180, 0.05):
        raise SystemExit("it does not get on")


def _specs(name: str, numbers: range, ttl: int) -> Iterator[JobSpec]:
    for n in numbers:
        func = "absent" if n % 20 == 0 and ttl == SHORT else "noop"
        yield JobSpec(
            id=f"{name}{n}", queue=QUEUE, func=PATH + func, lane=f"l{n % 500}", priority=1 + n % 7, result_ttl=ttl,
            failure_ttl=ttl,
        )  # fmt: skip


def _ended(db: Redis) -> int:
    return sum(int(total or 0) for total in db.hmget(keys.totals(QUEUE), "finished", "failed"))


def _kept(db: Redis) -> int:
    return int(db.zcard(keys.finished(QUEUE)) + db.zcard(keys.failed(QUEUE)))


def _expired(db: Redis) -> float:
    """Seconds until no kept job is left: its time, and that of the scheduler's next look at the registries."""
    began = time.monotonic()
    ours = "rq:job:[ksvw][0-9]*"
    if not wait(lambda: not _kept(db) and not next(db.scan_iter(ours, count=1000), None), SHORT + 40, 0.5):
        print(f"{_kept(db)} are still in the registries")
    return time.monotonic() - began


def _state(db: Redis) -> tuple[int, int, Counter[str]]:
    """Bytes, keys, and keys by kind: the name without the id at its end."""
    time.sleep(3)  # tables shrink a little later
    kinds = Counter(_ID.sub("#", key.decode()) for key in db.scan_iter(count=1000))
    return int(db.info("memory")["used_memory"]), db.dbsize(), kinds


def _more(before: Counter[str], after: Counter[str]) -> str:
    return ", ".join(f"{n} {kind}" for kind, n in (after - before).items())


if __name__ == "__main__":
    main(sys.argv[1:])
