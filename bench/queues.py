"""One INCR a job on several queues, in turns on the same Redis: `python -m bench queues [name ...] [--rounds=3]`.

BullMQ and Dramatiq are found where the peer harness installs them (bench/places.py): `node_modules` with bullmq and
ioredis, `venv` with dramatiq[redis]; those that are not there are left out. Measured between the 10th and the 95th
percentile of the jobs, so that the start of a process does not count. Lanes are on for ours: 2,000 of them.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from redis import Redis

from bench import places
from bench.engine import Crew, connect, server, specs
from common.queueing.job import enqueue_many

HERE = Path(__file__).parent / "peers"


@dataclass
class Contestant:
    name: str
    jobs: int
    add: list[str]
    work: list[str]
    lanes: int = -1  # ours only; -1: not ours
    env: dict[str, str] = field(default_factory=dict)


def contestants() -> list[Contestant]:
    peers = places.installed()
    work = [sys.executable, "-m", "bench.engine", json.dumps({"concurrency": 50})]
    found = [Contestant("relevo", 20_000, [], work, 2_000), Contestant("relevo-without-lanes", 20_000, [], work, 0)]
    if (peers / "node_modules" / "bullmq").is_dir():
        node, env = ["node", str(HERE / "bullmq_incr.js")], {"NODE_PATH": str(peers / "node_modules")}
        found.insert(0, Contestant("bullmq", 20_000, [*node, "add", "20000"], [*node, "work", "50"], env=env))
    if (peers / "venv" / "bin" / "dramatiq").exists():
        add = [str(peers / "venv/bin/python"), str(HERE / "dramatiq_incr.py"), "5000"]
        run = [str(peers / "venv/bin/dramatiq"), "dramatiq_incr", "-p", "1", "-t", "8", "--skip-logging"]
        found.append(Contestant("dramatiq", 5_000, add, run, env={"PYTHONPATH": str(HERE)}))
    stock = [sys.executable, "-m", "bench.peers.stock_incr"]
    found.append(Contestant("rq-simple-worker", 1_500, [*stock, "add", "1500"], [*stock, "work"]))
    return found


def measure(one: Contestant, url: str, db: Redis) -> tuple[float, float, float]:
    """Jobs a second, milliseconds of CPU a job in the worker's processes, and in Redis."""
    db.flushall()
    if one.lanes >= 0:
        enqueue_many(db, specs("incr", one.jobs, one.lanes), now=time.time())
    else:
        subprocess.run(one.add, check=True, env={**os.environ, "BENCH_REDIS": url, **one.env})
    with Crew(url) as crew:
        worker = psutil.Process(crew.start(one.work, **one.env).pid)
        first = reach(db, one.jobs // 10)
        began = (time.perf_counter(), cpu(worker), redis_cpu(db), first)
        last = reach(db, one.jobs * 95 // 100)
        ended = (time.perf_counter(), cpu(worker), redis_cpu(db), last)
        for child in worker.children(recursive=True):
            child.terminate()
    seconds, used, redis, jobs = (b - a for a, b in zip(began, ended, strict=True))
    return jobs / seconds, used / jobs * 1e3, redis / jobs * 1e3


def reach(db: Redis, jobs: int) -> int:
    until = time.monotonic() + 60
    while (done := int(db.get("done") or 0)) < jobs:
        if time.monotonic() > until:
            raise SystemExit("it does not get on")
        time.sleep(0.005)
    return done


def cpu(process: psutil.Process) -> float:
    every = [process, *process.children(recursive=True)]
    return sum(one.cpu_times().user + one.cpu_times().system for one in every)


def redis_cpu(db: Redis) -> float:
    used = db.info("cpu")
    return used["used_cpu_sys"] + used["used_cpu_user"]


def main(argv: Sequence[str] = ()) -> None:
    rounds = next((int(arg.partition("=")[2]) for arg in argv if arg.startswith("--rounds=")), 3)
    wanted = [arg for arg in argv if not arg.startswith("--")]
    running = [one for one in contestants() if not wanted or one.name in wanted]
    rows: dict[str, list[tuple[float, float, float]]] = {one.name: [] for one in running}
    with server() as url:
        db = connect(url)
        for _ in range(rounds):
            for one in running:
                rows[one.name].append(measure(one, url, db))
    table = {name: [statistics.median(column) for column in zip(*found, strict=True)] for name, found in rows.items()}
    base = table.get("bullmq")
    print(f"medians of {rounds} rounds; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, (rate, worker, redis) in table.items():
        ratio = f"   x bullmq: {rate / base[0]:.2f} jobs/s, {worker / base[1]:.2f} CPU" if base else ""
        print(f"{name:22} {rate:8.0f} jobs/s   worker {worker:.3f}   redis {redis:.3f} ms CPU a job{ratio}")


if __name__ == "__main__":
    main(sys.argv[1:])
