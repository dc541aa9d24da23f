"""The contract with RQ 3: every method, key and shape of it that the engine overrides or relies on.

An RQ upgrade that would break the engine fails here first.
"""

from __future__ import annotations

import asyncio
import inspect as python_inspect
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue, SimpleWorker, Worker
from rq.command import PUBSUB_CHANNEL_TEMPLATE
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.registry import (
    DeferredJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
)
from rq.results import Result
from rq.serializers import JSONSerializer
from rq.version import VERSION
from rq.worker.base import BaseWorker
from rq_scheduler import Scheduler

from common.queueing import keys, manage
from common.queueing.job import JobSpec, enqueue
from tests.faults.engine_jobs import PATH
from workers.engine import AsyncWorker
from workers.engine.failure import RetryPolicy
from workers.engine.scripts import CLAIM
from workers.scheduler import AtomicScheduler


@pytest.fixture(autouse=True)
def _url(redis_url, monkeypatch):
    monkeypatch.setenv("TEST_REDIS_URL", redis_url)


def add(db: Redis, name: str, n: int = 1, **more) -> None:
    kwargs = more.pop("kwargs", {})
    enqueue(db, JobSpec(id=f"j{n}", queue="q", func=PATH + name, kwargs=kwargs, **more), now=time.time())


def worker(url: str, **options) -> AsyncWorker:
    return AsyncWorker(["q"], connection=Redis.from_url(url), allow=[PATH], retry=RetryPolicy(5, 10), **options)


def burst(url: str) -> None:
    assert asyncio.run(worker(url).main(burst=True))


def fetch(db: Redis, n: int = 1) -> Job:
    return Job.fetch(f"j{n}", connection=db, serializer=JSONSerializer)


def queue(db: Redis) -> Queue:
    return Queue("q", connection=db, serializer=JSONSerializer)


def test_rq_is_of_the_line_we_know():
    """Everything below was read from 3.0."""
    assert VERSION.startswith("3.0.")


def test_key_names_are_rqs_own(db):
    """Ours are computed in Lua; these are the ones RQ would use."""
    assert Job.key_for("j") in (keys.job("j"), keys.job("j").encode())
    assert queue(db).key == keys.queue("q")
    for registry, key in [
        (StartedJobRegistry, keys.wip), (FinishedJobRegistry, keys.finished), (FailedJobRegistry, keys.failed),
        (DeferredJobRegistry, keys.deferred), (ScheduledJobRegistry, keys.scheduled),
    ]:  # fmt: skip
        assert registry("q", connection=db).key == key("q")
    assert Result.get_key("j") == keys.results("j")
    assert Execution("e", "j", db).key == keys.execution("j", "e")
    assert Worker.redis_workers_keys == keys.WORKERS
    assert Worker.redis_worker_namespace_prefix + "w" == keys.worker("w")
    assert Execution("e", "j", db, worker_name="w").worker_executions_key == keys.worker_executions("w")
    assert Queue.redis_queues_keys == keys.QUEUES
    assert Scheduler.scheduled_jobs_key == keys.DELAYED
    assert PUBSUB_CHANNEL_TEMPLATE % "w" == "rq:pubsub:w"


def test_result_types_are_the_numbers_we_write():
    """finish.lua and reap.lua write them into the stream."""
    names = ("SUCCESSFUL", "FAILED", "STOPPED", "RETRIED")
    assert [Result.Type[name].value for name in names] == [1, 2, 3, 4]


def test_statuses_are_the_words_we_write():
    """And no other."""
    words = {status.value for status in JobStatus}
    assert {"queued", "started", "scheduled", "deferred", "finished", "failed", "stopped", "created"} <= words


def test_what_the_worker_overrides_is_still_there():
    """Names and first arguments of BaseWorker that we replace or use."""
    for name in ("work", "request_stop", "queue_names"):
        assert callable(getattr(BaseWorker, name))
    parameters = python_inspect.signature(BaseWorker.__init__).parameters
    assert {"queues", "name", "connection", "serializer", "job_class", "queue_class"} <= set(parameters)
    assert next(iter(python_inspect.signature(BaseWorker.work).parameters.values())).name == "self"
    assert isinstance(BaseWorker.pubsub_channel_name, property)


def test_a_worker_can_be_made_before_redis_is_there():
    """RQ would ask for its own address at once, and end the process that starts first."""
    nowhere = Redis(port=1, socket_connect_timeout=0.2, retry=None)
    assert AsyncWorker(["q"], connection=nowhere).ip_address == "unknown"


def test_a_clients_time_outs_stay_as_they_were_given(redis_url):
    """RQ would raise them to seven minutes for its blocking reads."""
    connection = Redis.from_url(redis_url, socket_timeout=5)
    AsyncWorker(["q"], connection=connection)
    assert connection.connection_pool.connection_kwargs["socket_timeout"] == 5


def test_what_the_scheduler_overrides_is_still_there():
    """rq-scheduler calls these of itself."""
    for name in ("acquire_lock", "remove_lock", "enqueue_jobs", "run", "cron", "schedule", "enqueue_in"):
        assert callable(getattr(Scheduler, name))


def test_rq_reads_a_job_that_we_queued(db):
    """Fetch gives its function, arguments, status, origin, time-out and retries."""
    add(db, "echo", kwargs={"a": [1]}, timeout=33, attempts=4, description="turn")
    job = fetch(db)
    assert (job.func_name, job.args, job.kwargs) == (PATH + "echo", [], {"a": [1]})
    assert (job.get_status(), job.origin, job.timeout, job.retries_left) == (JobStatus.QUEUED, "q", 33, 3)
    assert (job.result_ttl, job.failure_ttl, job.description) == (86_400, 604_800, "turn")
    assert job.enqueued_at.tzinfo is not None
    assert queue(db).job_ids == ["j1"]


@pytest.mark.filterwarnings("ignore:job.result is deprecated")
def test_rq_reads_a_job_that_we_finished(db, redis_url):
    """Result, registry and times."""
    add(db, "echo", kwargs={"a": 1})
    burst(redis_url)
    job = fetch(db)
    assert job.is_finished
    assert job.result == {"got": {"a": 1}, "attempt": 1}
    assert job.started_at <= job.ended_at
    assert FinishedJobRegistry("q", connection=db, serializer=JSONSerializer).get_job_ids() == ["j1"]
    assert job.get_executions() == []


def test_rq_reads_a_job_that_failed_with_us(db, redis_url):
    """The traceback is where rq-dashboard looks for it, and RQ's own requeue takes it up again."""
    add(db, "refuse")
    burst(redis_url)
    job = fetch(db)
    assert job.is_failed
    assert "MessageRefused" in job.latest_result().exc_string
    registry = FailedJobRegistry("q", connection=db, serializer=JSONSerializer)
    assert registry.get_job_ids() == ["j1"]
    registry.requeue("j1")
    burst(redis_url)
    assert fetch(db).is_failed


def test_rq_sees_scheduled_and_deferred_jobs(db, redis_url):
    """Its registries hold them, with the due time."""
    add(db, "fail", 1, lane="a")
    add(db, "noop", 2, lane="a")
    burst(redis_url)
    assert ScheduledJobRegistry("q", connection=db).get_job_ids() == ["j1"]
    assert DeferredJobRegistry("q", connection=db).get_job_ids() == ["j2"]
    assert fetch(db, 1).retries_left == 3
    assert fetch(db, 1).latest_result().type is Result.Type.RETRIED


def test_rq_sees_the_worker_and_what_it_runs(db, redis_url):
    """Worker.all, its queues, state, counters and executions; and `rq info`."""

    async def scene():
        one = worker(redis_url, lease=1)
        task = asyncio.create_task(one.main())
        for n in range(3):
            add(db, "nap", n, kwargs={"seconds": 1.5})
        add(db, "noop", 9)
        while db.hget(keys.worker(one.name), "state") != b"busy" or not db.zcard(keys.finished("q")):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        found = Worker.all(connection=db, serializer=JSONSerializer)
        running = [execution.job_id for execution in found[0].get_current_executions()]
        info = await asyncio.to_thread(_rq, "info", "--url", redis_url)
        one.request_stop()
        await task
        return found, info, running

    (seen,), info, running = asyncio.run(scene())
    assert sorted(running) == ["j0", "j1", "j2"]
    assert seen.queue_names() == ["q"]
    assert seen.get_state() == "busy"
    assert seen.successful_job_count == 1
    assert seen.pid
    assert "1 workers" in info
    assert "q" in info
    assert Worker.all(connection=db) == []


def test_the_same_async_jobs_run_under_a_stock_worker(db):
    """One at a time, with RQ's JSON serializer."""
    for n in range(3):
        add(db, "nap", n, kwargs={"seconds": 0.01})
    SimpleWorker(["q"], connection=db, serializer=JSONSerializer).work(burst=True)
    assert [fetch(db, n).get_status() for n in range(3)] == [JobStatus.FINISHED] * 3


@pytest.mark.filterwarnings("ignore:job.result is deprecated")
def test_jobs_of_stock_rq_run_under_ours(db, redis_url):
    """Queue.enqueue with the JSON serializer: compressed data, callbacks' empty fields and all."""
    job = queue(db).enqueue(PATH + "echo", kwargs={"a": 1}, job_id="j1")
    burst(redis_url)
    assert fetch(db).result["got"] == {"a": 1}
    assert job.id == "j1"


def test_rqs_own_clean_up_leaves_our_running_jobs_alone(db, redis_url):
    """`rq info` runs it; a lease that has just ended is still our reaper's."""
    add(db, "noop", lane="a", attempts=1)
    CLAIM(db, 1, "dead", 1 + 60, "2026-11-22T00:00:00.000000Z", "x", "q")
    registry = StartedJobRegistry("q", connection=db, serializer=JSONSerializer)
    assert registry.count == 1
    assert fetch(db).get_status() is JobStatus.STARTED


def test_rq_deletes_a_scheduled_job_of_ours(db, redis_url):
    """Its registry entry goes, and our scheduler forgets the rest."""
    add(db, "noop", due=time.time() + 0.05)
    fetch(db).delete()
    assert db.zcard(keys.scheduled("q")) == 0
    time.sleep(0.06)  # until it is due by Redis' clock
    assert AtomicScheduler(connection=db).enqueue_jobs() == 0
    assert db.zcard(keys.DELAYED) == 0


def test_the_rq_command_line_starts_our_worker(db, redis_url):
    """`rq worker -w workers.engine.AsyncWorker`: refuses functions off its list, ends cleanly."""
    add(db, "noop")
    _rq("worker", "-w", "workers.engine.AsyncWorker", "-S", "json", "--burst", "--url", redis_url, "q")
    assert db.hget(keys.job("j1"), "status") == b"failed"
    assert manage.retry(db, "j1", now=time.time())


def _rq(*args: str) -> str:
    command = Path(sys.executable).parent / "rq"
    done = subprocess.run([command, *args], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout
