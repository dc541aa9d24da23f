"""What the queue survives: dead, frozen and stopped workers, dead schedulers, a dead Redis, cut connections."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from common.queueing import inspect, keys
from common.queueing.job import JobSpec, enqueue_many
from tests.conftest import ROOT, RedisServer
from tests.faults.engine_jobs import PATH


class Processes:
    """Worker and scheduler processes on one Redis; only these are ever signalled."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.all: list[subprocess.Popen[bytes]] = []

    def worker(self, **options) -> subprocess.Popen[bytes]:
        options = {"lease": 1, "concurrency": 20, **options, "url": self.url}
        return self._start([sys.executable, "-m", "tests.faults.engine_process", json.dumps(options)])

    def scheduler(self) -> subprocess.Popen[bytes]:
        return self._start([sys.executable, "-m", "workers.scheduler"])

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "REDIS_URL": self.url, "LOG_LEVEL": "ERROR"}
        process = subprocess.Popen(command, cwd=ROOT, env=environment)
        self.all.append(process)
        return process

    def end(self) -> None:
        for process in self.all:
            if process.poll() is None:
                process.kill()
            process.wait()


@pytest.fixture
def processes(redis_url) -> Iterator[Processes]:
    crew = Processes(redis_url)
    yield crew
    crew.end()


def wait(check: Callable[[], object], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.02)


def add(db: Redis, name: str, count: int, **more) -> None:
    kwargs = more.pop("kwargs", {})
    specs = [JobSpec(id=f"j{n}", queue="q", func=PATH + name, kwargs=kwargs, **more) for n in range(count)]
    enqueue_many(db, specs, now=time.time())


def add_turns(db: Redis, contacts: int, messages: int, **kwargs) -> int:
    turns = [(c, n) for n in range(messages) for c in range(contacts)]
    enqueue_many(
        db,
        [
            JobSpec(id=f"t{c}-{n}", queue="q", func=PATH + "turn", lane=f"l{c}", attempts=30,
                    kwargs={"contact": c, "n": n, **kwargs})
            for c, n in turns
        ],
        now=time.time(),
    )  # fmt: skip
    return len(turns)


def finished(db: Redis) -> int:
    return db.zcard(keys.finished("q"))


def assert_orderly(db: Redis, contacts: int, messages: int) -> int:
    """Every message done, in order, none beside another; returns how many were done again."""
    again = 0
    assert db.lrange("overlaps", 0, -1) == []
    for c in range(contacts):
        order = [int(n) for n in db.lrange(f"order:lane-{c}", 0, -1)]
        assert order == sorted(order)
        assert sorted(set(order)) == list(range(messages))
        again += len(order) - messages
    return again


def assert_nothing_left(db: Redis) -> None:
    counts = inspect.counts(db, ["q"])["q"]
    assert {state: n for state, n in counts.items() if n and state != "finished"} == {}
    assert db.zcard(keys.DELAYED) == 0
    lanes = [lane for lane in db.zrange(keys.LANES, 0, -1) if not lane.startswith(b"repeat:")]  # the cron table's own
    assert lanes == []


def test_workers_killed_under_load_lose_nothing_and_keep_the_order(db, processes):
    """kill -9 of a random worker, eight times; 12 lanes, planned failures retried through the scheduler."""
    total = add_turns(db, 12, 40, fails=0.1, seconds=0.04)
    schedulers = [processes.scheduler(), processes.scheduler()]
    workers = [processes.worker(), processes.worker()]
    for round_ in range(8):
        time.sleep(random.uniform(0.3, 0.8))  # the load itself is what is waited for
        victim = random.randrange(2)
        workers[victim].kill()
        workers[victim] = processes.worker()
        if round_ == 4:
            schedulers[0].kill()
    wait(lambda: finished(db) == total, 45)
    again = assert_orderly(db, 12, 40)
    assert again <= 8 * 12
    assert db.llen("reruns") == 0
    assert_nothing_left(db)


def test_a_dead_workers_job_runs_elsewhere_soon_after_its_lease(db, processes):
    """One second of lease: well within three."""
    first = processes.worker()
    add(db, "nap", 1, kwargs={"seconds": 0.5})
    wait(lambda: db.zcard(keys.wip("q")) == 1)
    processes.worker()
    wait(lambda: len(inspect.workers(db)) == 2)
    first.kill()
    start = time.monotonic()
    wait(lambda: finished(db) == 1)
    assert time.monotonic() - start < 3.0
    detail = inspect.job_detail(db, "j0")
    assert detail.attempts[0].error.startswith("AbandonedJobError")
    assert detail.row.attempt == 1  # a lost run spends no attempt


def test_a_frozen_worker_records_nothing_when_it_wakes(db, processes):
    """Another one ran its job meanwhile; the lease is the fence."""
    frozen = processes.worker()
    add(db, "nap", 1, kwargs={"seconds": 0.3})
    wait(lambda: db.zcard(keys.wip("q")) == 1)
    frozen.send_signal(signal.SIGSTOP)
    other = processes.worker()
    wait(lambda: finished(db) == 1)
    frozen.send_signal(signal.SIGCONT)
    add(db, "noop", 20)
    wait(lambda: finished(db) == 20)
    assert db.hget(keys.totals("q"), "finished") == b"20"
    assert other.poll() is None
    assert frozen.poll() is None


def test_a_terminated_worker_strands_nothing(db, processes):
    """What runs ends, what waits stays; exit code 0, and the other process takes the rest."""
    add(db, "nap", 60, kwargs={"seconds": 0.4})
    first = processes.worker(concurrency=10)
    wait(lambda: db.zcard(keys.wip("q")) == 10)
    first.terminate()
    assert first.wait(10) == 0
    assert db.zcard(keys.wip("q")) == 0
    assert finished(db) + db.llen(keys.queue("q")) == 60
    processes.worker(concurrency=50)
    wait(lambda: finished(db) == 60)
    assert_nothing_left(db)


def test_jobs_that_take_too_long_to_stop_are_handed_back(db, processes):
    """At the end of the grace, to the front of the queue, no attempt spent."""
    worker = processes.worker(grace=0.3)
    add(db, "nap", 3, kwargs={"seconds": 60})
    wait(lambda: db.zcard(keys.wip("q")) == 3)
    start = time.monotonic()
    worker.terminate()
    assert worker.wait(10) == 0
    assert time.monotonic() - start < 4
    assert db.llen(keys.queue("q")) == 3
    assert db.zcard(keys.wip("q")) == 0
    assert inspect.job_detail(db, "j0").row.attempt == 1


def test_a_worker_told_to_stop_while_idle_goes_at_once(db, processes):
    """And leaves RQ's list of workers."""
    one = processes.worker()
    wait(lambda: inspect.workers(db))
    one.terminate()
    assert one.wait(5) == 0
    assert inspect.workers(db) == []


def test_a_worker_starts_while_its_connections_are_cut(db, processes):
    """Redis that comes and goes as the process starts is waited for, not died of."""
    worker = processes.worker()
    until = time.monotonic() + 3
    while time.monotonic() < until:
        db.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    wait(lambda: len(inspect.workers(db)) == 1)
    add(db, "nap", 1, kwargs={"seconds": 0})
    wait(lambda: finished(db) == 1)
    assert worker.poll() is None


def test_cut_connections_cost_no_job(db, processes):
    """Every connection is cut sixteen times under load; the workers live on."""
    total = add_turns(db, 12, 40, seconds=0.02)
    workers = [processes.worker(), processes.worker()]
    processes.scheduler()
    for _ in range(16):
        time.sleep(0.15)  # some load between the cuts
        db.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    wait(lambda: finished(db) == total, 40)
    assert_orderly(db, 12, 40)
    assert_nothing_left(db)
    assert [worker.poll() for worker in workers] == [None, None]
    assert db.hget(keys.totals("q"), "finished") == str(total).encode()


def test_a_killed_redis_comes_back_and_work_goes_on(tmp_path: Path):
    """kill -9 and restart with its append-only file, under load: nothing lost, the same processes go on."""
    server = RedisServer(tmp_path, aof="everysec").start()
    crew = Processes(server.url)
    try:
        with Redis.from_url(server.url) as db:
            total = add_turns(db, 12, 40, seconds=0.02)
            workers, scheduler = [crew.worker(), crew.worker()], crew.scheduler()
            wait(lambda: finished(db) > 60)
            server.kill()
            time.sleep(1.5)  # the outage
            server.start()
            wait(lambda: finished(db) == total, 40)
            assert_orderly(db, 12, 40)
            assert_nothing_left(db)
            assert [process.poll() for process in (*workers, scheduler)] == [None] * 3
            wait(lambda: len(inspect.workers(db)) == 2)
    finally:
        crew.end()
        server.kill()


def test_a_primary_that_turns_read_only_and_back_loses_nothing(db, processes):
    """A fail-over: writes are refused for a while; the same processes go on."""
    total = add_turns(db, 12, 20, seconds=0.02)
    crew = [processes.worker(lease=3), processes.worker(lease=3), processes.scheduler()]
    wait(lambda: finished(db) > 40)
    db.replicaof("127.0.0.1", "1")
    try:
        time.sleep(1.5)  # the fail-over
    finally:
        db.replicaof("NO", "ONE")
    wait(lambda: finished(db) == total, 40)
    assert_orderly(db, 12, 20)
    assert_nothing_left(db)
    assert [process.poll() for process in crew] == [None] * 3


def test_a_full_redis_lets_running_and_queued_jobs_end(db, processes):
    """New jobs are refused; what is accepted is worked off, and its leases hold."""
    processes.worker()
    add(db, "nap", 50, kwargs={"seconds": 0.5})
    wait(lambda: db.zcard(keys.wip("q")) == 20)
    db.config_set("maxmemory", 100_000)
    try:
        with pytest.raises(ResponseError, match=r"OOM|used memory"):  # 6.2 words it as a script error
            enqueue_many(db, [JobSpec(id="new", queue="q", func=PATH + "noop")], now=time.time())
        assert not db.exists(keys.job("new"))
        wait(lambda: finished(db) == 50)
        assert b"abandoned" not in db.hgetall(keys.totals("q"))
    finally:
        db.config_set("maxmemory", 0)


def test_delayed_jobs_run_once_and_on_time_with_a_scheduler_killed(db, processes):
    """Two schedulers, one killed halfway; 500 jobs over two seconds, the latest within a second."""
    doomed = processes.scheduler()
    processes.scheduler()
    processes.worker()
    wait(lambda: inspect.workers(db))
    start = time.time() + 0.5
    due = {f"d{n}": start + n / 250 for n in range(500)}
    enqueue_many(
        db, [JobSpec(id=i, queue="q", func=PATH + "incr", due=at) for i, at in due.items()], now=time.time()
    )
    wait(lambda: finished(db) > 200)
    doomed.kill()
    wait(lambda: finished(db) == 500)
    late = sorted(inspect.job_detail(db, i).row.started_at - at for i, at in due.items())
    assert late[0] >= -0.005
    assert late[-5] < 1.0
    assert db.get("n") == b"500"


def test_a_job_whose_doing_redis_has_forgotten_runs_again(tmp_path):
    """It was done, and confirmed; its ending comes to a Redis that knows of its claim only, and does not count."""
    server = RedisServer(tmp_path, aof="always").start()
    crew = Processes(server.url)
    try:
        with Redis.from_url(server.url) as db:
            add(db, "incr_and_block", 1, attempts=5, kwargs={"seconds": 1.5})
            crew.worker(lease=10)
            crew.scheduler()
            wait(lambda: db.zcard(keys.wip("q")) == 1)
            kept = server.copy()
            db.set("go", 1)
            wait(lambda: db.exists("n"))
        server.forget(kept)
        with Redis.from_url(server.url) as db:
            assert not db.exists("n")
            db.set("go", 1)
            wait(lambda: finished(db) == 1)
            assert db.get("n") == b"1"
    finally:
        crew.end()
        server.close()
