"""AsyncWorker on a real Redis: every ending, hooks, limits, commands and bounds."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest
from redis import Redis
from rq.command import send_stop_job_command
from rq.serializers import JSONSerializer

from common.queueing import inspect, keys, manage
from common.queueing.job import Enqueued, JobSpec, enqueue, enqueue_many
from tests.faults.engine_jobs import PATH
from workers.engine import AsyncWorker, DeadJob
from workers.engine.failure import RetryPolicy
from workers.engine.scripts import CLAIM
from workers.scheduler import AtomicScheduler


@pytest.fixture(autouse=True)
def _url(redis_url, monkeypatch):
    monkeypatch.setenv("TEST_REDIS_URL", redis_url)


def job(name: str, n: int | str = 1, **more) -> JobSpec:
    kwargs = more.pop("kwargs", {})
    return JobSpec(id=f"j{n}", queue=more.pop("queue", "q"), func=PATH + name, kwargs=kwargs, **more)


def add(db: Redis, *specs: JobSpec) -> list[Enqueued]:
    return enqueue_many(db, specs, now=time.time())


def worker(url: str, **options) -> AsyncWorker:
    options.setdefault("retry", RetryPolicy(0.02, 0.05))
    queues = options.pop("queues", ["q"])
    return AsyncWorker(queues, connection=Redis.from_url(url), allow=[PATH], lease=options.pop("lease", 5), **options)


def burst(url: str, **options) -> AsyncWorker:
    """Run until the queues are empty."""
    one = worker(url, **options)
    assert asyncio.run(one.main(burst=True))
    return one


async def until(check, seconds: float = 5.0):
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, "it did not come about"
        await asyncio.sleep(0.01)
    return found


def status(db: Redis, n: int | str = 1) -> bytes | None:
    return db.hget(keys.job(f"j{n}"), "status")


def nothing_held(db: Redis) -> bool:
    return not db.zcard(keys.wip("q")) and not list(db.scan_iter("rq:execution*"))


def test_a_result_is_kept_and_the_job_finished(db, redis_url):
    """The context tells the job its attempt; kwargs arrive as they were queued."""
    add(db, job("echo", kwargs={"who": "ana", "n": [1, {"a": None}]}))
    burst(redis_url)
    detail = inspect.job_detail(db, "j1")
    assert detail.result == {"got": {"who": "ana", "n": [1, {"a": None}]}, "attempt": 1}
    assert detail.row.state == "finished"
    assert nothing_held(db)
    assert 86_000 < db.ttl(keys.job("j1")) <= 86_400


def test_a_finished_job_costs_little_memory(db, redis_url):
    """Its result stands in its hash: a stream would cost ten times what the job does."""
    add(db, job("echo", kwargs={"who": "ana"}))
    burst(redis_url)
    assert not db.exists(keys.results("j1"))
    assert db.memory_usage(keys.job("j1"), samples=0) < 1_200


def test_a_result_ttl_of_zero_keeps_nothing(db, redis_url):
    """And the id may be used again."""
    add(db, job("noop", result_ttl=0))
    burst(redis_url)
    assert not db.exists(keys.job("j1"))
    assert add(db, job("noop")) == [Enqueued.QUEUED]


def test_a_failing_job_is_tried_as_often_as_it_may(db, redis_url):
    """Each failure waits in the scheduler's set; the last one is final, with every traceback kept."""
    dead: list[DeadJob] = []

    async def on_dead(job: DeadJob) -> None:
        dead.append(job)

    add(db, job("fail", attempts=3, kwargs={"message": "down"}))
    for n in range(3):
        burst(redis_url, on_dead=on_dead)
        if n < 2:
            assert status(db) == b"scheduled"
            assert db.zcard(keys.scheduled("q")) == 1
            manage.promote(db, "j1", now=time.time())
    detail = inspect.job_detail(db, "j1")
    assert detail.row.state == "failed"
    assert (detail.row.attempt, detail.row.attempts) == (3, 3)
    assert [a.error for a in detail.attempts] == ["ChannelError: down"] * 3
    assert "engine_jobs.py" in detail.attempts[0].traceback
    assert dead == [DeadJob("j1", "q", {"message": "down"}, "ChannelError: down")]


def test_a_refusal_is_final_at_the_first_attempt(db, redis_url):
    """Errors that say so are not retried."""
    add(db, job("refuse"))
    burst(redis_url)
    assert status(db) == b"failed"
    assert inspect.list_jobs(db, "q", "failed").rows[0].error == "MessageRefused: number not on WhatsApp"


def test_later_keeps_the_lane_and_spends_no_attempt(db, redis_url, caplog):
    """The head of the lane waits for its time; the next one does not overtake it. Nobody is warned of it."""
    at = time.time() + 0.3
    add(db, job("later", 1, lane="a", attempts=1, kwargs={"at": at}), job("noop", 2, lane="a"))
    burst(redis_url)
    assert (status(db, 1), status(db, 2)) == (b"scheduled", b"deferred")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    time.sleep(0.31)  # Redis' clock, not ours, says when it is due
    AtomicScheduler(connection=db).enqueue_jobs()
    burst(redis_url)
    assert inspect.job_detail(db, "j1").result == "attempt 1"
    assert status(db, 2) == b"finished"


def test_a_lane_runs_in_order_and_one_at_a_time(db, redis_url):
    """Ten lanes of ten, fifty slots."""
    turns = [(c, n) for n in range(10) for c in range(10)]
    add(db, *(job("turn", f"{c}-{n}", lane=f"l{c}", kwargs={"contact": c, "n": n}) for c, n in turns))
    burst(redis_url)
    assert db.lrange("overlaps", 0, -1) == []
    for c in range(10):
        assert [int(n) for n in db.lrange(f"order:lane-{c}", 0, -1)] == list(range(10))
    assert db.zcard(keys.LANES) == 0


def test_a_job_over_its_time_counts_as_a_failure(db, redis_url):
    """And is tried again as any other."""
    add(db, job("nap", kwargs={"seconds": 30}, timeout=1))
    burst(redis_url)
    assert status(db) == b"scheduled"
    assert db.hget(keys.job("j1"), "error") == b"JobTimeout: ran longer than 1 s"


@pytest.mark.parametrize(
    ("func", "reason"),
    [("os.system", "not on this worker's"), (PATH + "plain", "not an async def"), (PATH + "nothing", "there is no")],
)
def test_a_function_that_may_not_run_fails_the_job(db, redis_url, func, reason):
    """Once, without attempts, and told in one line."""
    enqueue(db, JobSpec(id="j1", queue="q", func=func), now=time.time())
    burst(redis_url)
    assert status(db) == b"failed"
    assert reason in db.hget(keys.job("j1"), "error").decode()


def test_pickled_data_is_refused(db, redis_url):
    """Nothing that stands in Redis is unpickled."""
    add(db, job("noop", attempts=1))
    db.hset(keys.job("j1"), "data", b"\x80\x04\x95\x0f\x00\x00\x00")
    burst(redis_url)
    assert status(db) == b"failed"


def test_a_hook_that_breaks_does_not_lose_the_ending(db, redis_url, caplog):
    """The failure is written; the hook's own is logged."""

    async def on_dead(_job: DeadJob) -> None:
        raise RuntimeError("console is away")

    add(db, job("refuse"))
    burst(redis_url, on_dead=on_dead)
    assert status(db) == b"failed"
    assert "dead-letter hook failed" in caplog.text


def test_the_hook_of_a_dead_job_is_not_cut_short_by_the_jobs_time_out(db, redis_url):
    """The time-out is the job's own; what the worker does with its failure has another."""
    told = []

    async def on_dead(job: DeadJob) -> None:
        await asyncio.sleep(1.5)  # beyond the time-out
        told.append(job.reason)

    add(db, job("refuse", timeout=1))
    burst(redis_url, on_dead=on_dead)
    assert told == ["MessageRefused: number not on WhatsApp"]
    assert db.hget(keys.job("j1"), "error") == b"MessageRefused: number not on WhatsApp"


def test_hooks_wrap_the_life_of_the_worker(db, redis_url):
    """Opened before the first claim, closed after the last ending."""
    seen = []

    async def start(_worker) -> None:
        seen.append(("start", status(db)))

    async def stop(_worker) -> None:
        seen.append(("stop", status(db)))

    add(db, job("noop"))
    burst(redis_url, on_start=start, on_stop=stop)
    assert seen == [("start", b"queued"), ("stop", b"finished")]


def test_queues_are_served_in_the_order_given(db, redis_url):
    """With one slot, every job of the first queue comes before the second's."""
    for n in range(3):
        add(db, job("turn", f"s{n}", queue="slow", kwargs={"contact": 0, "n": n + 100}))
        add(db, job("turn", f"u{n}", queue="urgent", kwargs={"contact": 0, "n": n}))
    burst(redis_url, queues=["urgent", "slow"], concurrency=1)
    assert [int(n) for n in db.lrange("order:lane-0", 0, -1)] == [0, 1, 2, 100, 101, 102]


def test_a_paused_queue_is_left_alone_until_resumed(db, redis_url):
    """The pause is part of the claim; other queues are served."""
    add(db, job("noop", 1), job("noop", 2, queue="other"))
    manage.pause(db, "q")
    assert manage.paused(db) == {"q"}

    async def scene():
        one = worker(redis_url, queues=["q", "other"])
        task = asyncio.create_task(one.main())
        await until(lambda: status(db, 2) == b"finished")
        assert status(db, 1) == b"queued"
        manage.resume(db, "q")
        await until(lambda: status(db, 1) == b"finished")
        one.request_stop()
        assert await task

    asyncio.run(scene())


def test_a_limited_queue_starts_no_more_than_its_rate(db, redis_url):
    """GCRA: burst 5 at once, then 50 a second."""
    manage.limit(db, "q", jobs=50, seconds=1, burst=5)
    add(db, *(job("noop", n) for n in range(30)))
    start = time.monotonic()
    burst(redis_url)
    assert 0.45 <= time.monotonic() - start < 3.0
    assert db.zcard(keys.finished("q")) == 30


def test_a_person_can_stop_a_job(db, redis_url):
    """RQ's own command; the job is stopped, its lane moves on, and the hook hears of it."""
    dead = []

    async def on_dead(job: DeadJob) -> None:
        dead.append(job.reason)

    async def scene():
        one = worker(redis_url, on_dead=on_dead)
        task = asyncio.create_task(one.main())
        add(db, job("nap", 1, lane="a", kwargs={"seconds": 30}), job("noop", 2, lane="a"))
        await until(lambda: status(db) == b"started" and db.pubsub_numsub(one.pubsub_channel_name)[0][1])
        send_stop_job_command(db, "j1", serializer=JSONSerializer)
        await until(lambda: status(db, 2) == b"finished")
        one.request_stop()
        await task

    asyncio.run(scene())
    assert status(db) == b"stopped"
    assert dead == ["Cancelled: a person stopped it"]


def test_a_warm_stop_lets_jobs_end_and_strands_none(db, redis_url):
    """What runs is finished, what waits stays queued."""

    async def scene():
        one = worker(redis_url, concurrency=3)
        task = asyncio.create_task(one.main())
        add(db, *(job("nap", n, kwargs={"seconds": 0.3}) for n in range(10)))
        await until(lambda: db.zcard(keys.wip("q")) == 3)
        one.request_stop()
        assert await task

    asyncio.run(scene())
    assert db.zcard(keys.finished("q")) == 3
    assert db.llen(keys.queue("q")) == 7
    assert nothing_held(db)


def test_a_second_signal_hands_running_jobs_back(db, redis_url):
    """To the front of their queue, no attempt spent."""

    async def scene():
        one = worker(redis_url, concurrency=2)
        task = asyncio.create_task(one.main())
        add(db, *(job("nap", n, kwargs={"seconds": 30}) for n in range(3)))
        await until(lambda: db.zcard(keys.wip("q")) == 2)
        one.request_stop()
        one.request_stop()
        start = time.monotonic()
        assert await task
        assert time.monotonic() - start < 2

    asyncio.run(scene())
    assert sorted(db.lrange(keys.queue("q"), 0, 1)) == [b"j0", b"j1"]
    assert db.hget(keys.job("j0"), "retries_left") == b"4"
    assert nothing_held(db)


def test_the_newest_finished_jobs_are_kept_up_to_a_bound(db, redis_url):
    """The oldest leave with their hashes."""
    add(db, *(job("noop", n) for n in range(300)))
    burst(redis_url, keep_finished=50)
    assert db.zcard(keys.finished("q")) == 50
    assert len(list(db.scan_iter("rq:job:*"))) == 50


def test_a_job_that_blocks_the_loop_is_named(db, redis_url, caplog):
    """While it blocks, by a thread that watches."""
    caplog.set_level(logging.ERROR)
    add(db, job("block", kwargs={"seconds": 1.6}))
    burst(redis_url)
    assert "stood still" in caplog.text
    assert "job j1" in caplog.text


def test_a_claim_that_was_not_heard_is_given_back(db, redis_url):
    """The answer got lost: jobs leased to us that we do not run return at once, not when the lease ends."""
    add(db, *(job("noop", n) for n in range(5)))
    one = worker(redis_url, lease=60)
    CLAIM(db, 5, one.name, 120, "2026-11-22T00:00:00.000000Z", "lost", "q")
    assert db.zcard(keys.wip("q")) == 5
    assert asyncio.run(one.main(burst=True))
    assert db.zcard(keys.finished("q")) == 5


def test_a_worker_is_known_again_after_redis_lost_its_data(db, redis_url):
    """The next beat registers it anew."""

    async def scene():
        one = worker(redis_url, lease=1)
        task = asyncio.create_task(one.main())
        await until(lambda: inspect.workers(db))
        db.flushall()
        await until(lambda: inspect.workers(db))
        one.request_stop()
        await task

    asyncio.run(scene())
    assert inspect.workers(db) == []


def test_a_job_whose_workers_keep_dying_is_buried(db, redis_url):
    """It may be what kills them: after five losses the next reaper tells the hook, then fails it."""
    dead = []

    async def on_dead(job: DeadJob) -> None:
        dead.append((job, status(db)))

    async def scene():
        one = worker(redis_url, lease=1, on_dead=on_dead)
        task = asyncio.create_task(one.main())
        await until(lambda: status(db) == b"failed")
        await until(lambda: status(db, 2) == b"finished")
        one.request_stop()
        await task

    add(db, job("nap", 1, lane="a", kwargs={"seconds": 9}), job("noop", 2, lane="a"))
    CLAIM(db, 1, "dead", 75, "2026-11-22T00:00:00.000000Z", "x", "q")
    db.hset(keys.job("j1"), "abandoned", 5)
    db.zadd(keys.wip("q"), {"j1:x1": time.time()})
    asyncio.run(scene())
    lost = "AbandonedJobError: its worker was lost too often"
    assert dead == [(DeadJob("j1", "q", {"seconds": 9}, lost), b"started")]
    assert inspect.job_detail(db, "j1").row.error == lost
