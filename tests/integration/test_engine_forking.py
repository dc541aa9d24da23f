"""The forking worker: plain functions and CPU-heavy work, each job in a process of its own; and recycling."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from redis import Redis

from common import cli
from common.queueing import inspect, keys, manage
from common.queueing.job import JobSpec, enqueue_many
from tests.conftest import ROOT
from tests.faults.engine_jobs import PATH
from workers.engine import AsyncWorker
from workers.engine.failure import RetryPolicy
from workers.engine.recycle import Recycle


@pytest.fixture(autouse=True)
def _url(redis_url, monkeypatch):
    monkeypatch.setenv("TEST_REDIS_URL", redis_url)


def job(name: str, job_id: str, **more) -> JobSpec:
    return JobSpec(id=job_id, queue="q", func=PATH + name, kwargs=more.pop("kwargs", {}), **more)


def add(db: Redis, *specs: JobSpec) -> None:
    enqueue_many(db, specs, now=time.time())


def forking(url: str, **options) -> AsyncWorker:
    options = {"concurrency": 2, "lease": 5, "retry": RetryPolicy(5, 10), **options}
    return AsyncWorker(["q"], connection=Redis.from_url(url), allow=[PATH], forking=True, **options)


def burst(url: str, **options) -> None:
    assert asyncio.run(forking(url, **options).main(burst=True))


def wait(check: Callable[[], object], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_plain_and_async_functions_run_in_processes_of_their_own(db, redis_url):
    """They know their job; results and lanes are as on the event loop."""
    add(db, job("cpu", "a", kwargs={"n": 1000}, lane="l"), job("cpu", "b", kwargs={"n": 10}, lane="l"))
    add(db, job("echo", "c", kwargs={"x": 1}))
    burst(redis_url)
    first, second = (inspect.job_detail(db, one).result for one in "ab")
    assert (first["sum"], first["job"], second["sum"]) == (499500, "a", 45)
    assert len({first["pid"], second["pid"], os.getpid()}) == 3
    assert inspect.job_detail(db, "c").result == {"got": {"x": 1}, "attempt": 1}


def test_what_a_plain_function_raises_is_judged_as_ever(db, redis_url):
    """Retry with its traceback, Later without an attempt, a function outside the list fails."""
    at = time.time() + 60
    add(db, job("plain_fail", "a"), job("plain_later", "b", kwargs={"at": at}), job("refuse", "c"))
    add(db, JobSpec(id="d", queue="q", func="os.getcwd"))
    burst(redis_url)
    detail = inspect.job_detail(db, "a")
    assert (detail.row.state, detail.row.error) == ("scheduled", "ChannelError: plainly down")
    assert "in plain_fail" in detail.attempts[0].traceback
    assert db.zscore(keys.DELAYED, "b") == pytest.approx(at, abs=0.01)
    assert inspect.job_detail(db, "b").row.attempt == 1
    assert [inspect.job_detail(db, one).row.state for one in "cd"] == ["failed", "failed"]


def test_a_process_that_dies_is_a_failed_attempt(db, redis_url):
    """Out of memory, say; other jobs do not notice."""
    add(db, job("die", "a"), job("cpu", "b", kwargs={"n": 1}))
    burst(redis_url)
    assert inspect.job_detail(db, "a").row.error == "ChildDied: its process ended with exit code 9"
    assert inspect.job_detail(db, "b").row.state == "finished"


def test_a_job_over_its_time_is_killed(db, redis_url, tmp_path: Path):
    """However blocking it is."""
    add(db, job("sleep_as", "a", kwargs={"path": str(tmp_path / "pid")}, timeout=1, attempts=1))
    burst(redis_url)
    assert inspect.job_detail(db, "a").row.error == "JobTimeout: ran longer than 1 s"
    assert gone(int((tmp_path / "pid").read_text()))


def test_a_killed_workers_job_dies_with_it(db, redis_url, tmp_path: Path):
    """Else it would run beside its next run."""
    add(db, job("sleep_as", "a", kwargs={"path": str(tmp_path / "pid")}))
    options = json.dumps({"url": redis_url, "lease": 1, "forking": True, "concurrency": 1})
    process = subprocess.Popen([sys.executable, "-m", "tests.faults.engine_process", options], cwd=ROOT)
    try:
        wait(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    finally:
        process.kill()
        process.wait()
    wait(lambda: gone(int((tmp_path / "pid").read_text())))


def test_a_worker_makes_room_after_enough_jobs(db, redis_url):
    """It ends in good order with exit code 0; what waits stays queued."""
    add(db, *(job("noop", f"j{n}") for n in range(100)))
    options = json.dumps({"url": redis_url, "max_jobs": 30, "concurrency": 5})
    process = subprocess.Popen([sys.executable, "-m", "tests.faults.engine_process", options], cwd=ROOT)
    assert process.wait(15) == 0
    done = db.zcard(keys.finished("q"))
    assert 30 <= done <= 70
    assert db.llen(keys.queue("q")) == 100 - done
    assert db.zcard(keys.wip("q")) == 0
    assert manage.paused(db) == set()


def test_a_worker_makes_room_when_it_holds_too_much():
    """Told once."""
    stopped: list[bool] = []
    recycle = Recycle(0, 1, lambda: stopped.append(True))
    recycle.look()
    recycle.look()
    assert stopped == [True]
    roomy = Recycle(0, 1 << 20, lambda: stopped.append(True))
    roomy.look()
    roomy.job_ended()
    assert stopped == [True]


def test_the_forking_process_runs_what_its_command_line_says(db, redis_url):
    """`python -m workers --forking` serves FORKING_QUEUES, sets each child up, and goes when told."""
    spec = JobSpec(id="a", queue="rag__ingestion", func="workers.jobs.nothing")
    enqueue_many(db, [spec], now=time.time())
    own = {"REDIS_URL": redis_url, "WHATSAPP_ACCESS_TOKEN": "t", "ENCRYPTION_KEY": "k", "LOG_LEVEL": "ERROR"}
    process = subprocess.Popen([sys.executable, "-m", "workers", "--forking"], cwd=ROOT, env={**os.environ, **own})
    try:
        wait(lambda: db.hget(keys.job("a"), "status") == b"failed", 20)
        assert db.hget(keys.job("a"), "error") == b"JobNotAllowed: there is no workers.jobs.nothing"
        assert cli.run(lambda: db, ["workers", "stop", "all"], now=time.time()) == 0
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
