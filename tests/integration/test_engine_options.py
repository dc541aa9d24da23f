"""Job options that the engine carries out: needs, limits by key, progress, logs, events."""

from __future__ import annotations

import asyncio
import time

import pytest
from redis import Redis

from common.queueing import inspect, keys, manage, progress
from common.queueing.events import events, recent
from common.queueing.job import Enqueued, JobSpec, enqueue, enqueue_many
from tests.faults.engine_jobs import PATH
from workers.engine import AsyncWorker, DeadJob
from workers.engine.failure import RetryPolicy
from workers.engine.scripts import CLAIM
from workers.scheduler import AtomicScheduler


@pytest.fixture(autouse=True)
def _url(redis_url, monkeypatch):
    monkeypatch.setenv("TEST_REDIS_URL", redis_url)


def job(name: str, job_id: str, **more) -> JobSpec:
    return JobSpec(id=job_id, queue="q", func=PATH + name, kwargs=more.pop("kwargs", {}), **more)


def add(db: Redis, *specs: JobSpec) -> list[Enqueued]:
    return enqueue_many(db, specs, now=time.time())


def burst(url: str, **options) -> None:
    worker = AsyncWorker(["q"], connection=Redis.from_url(url), allow=[PATH], retry=RetryPolicy(5, 10), **options)
    assert asyncio.run(worker.main(burst=True))


def status(db: Redis, job_id: str) -> str | None:
    detail = inspect.job_detail(db, job_id)
    return detail.row.state if detail else None


def claim(db: Redis, k: int) -> int:
    return len(CLAIM(db, k, "w", 75, "2026-11-22T00:00:00.000000Z", "x", "q")) - 1


def test_a_job_waits_for_those_it_needs(db, redis_url):
    """It runs after all of them, not after the first."""
    add(db, job("turn", "a", kwargs={"contact": 0, "n": 1}))
    add(db, job("turn", "b", kwargs={"contact": 0, "n": 2, "seconds": 0.1}))
    needs = ("a", "b")
    assert add(db, job("turn", "c", kwargs={"contact": 0, "n": 3}, depends_on=needs)) == [Enqueued.DEFERRED]
    burst(redis_url)
    assert db.lrange("order:lane-0", 0, -1)[-1] == b"3"
    assert status(db, "c") == "finished"
    assert not list(db.scan_iter("rq:job:*:dependents"))


def test_what_is_over_or_gone_is_not_waited_for(db, redis_url):
    """A finished job's hash may have expired already."""
    add(db, job("noop", "a"))
    burst(redis_url)
    assert add(db, job("noop", "b", depends_on=("a", "never"))) == [Enqueued.QUEUED]


def test_a_job_fails_with_the_one_it_needs_and_the_hook_hears_of_it(db, redis_url):
    """All the way down the chain."""
    dead = []

    async def on_dead(job: DeadJob) -> None:
        dead.append((job.id, job.reason))

    add(db, job("refuse", "a"), job("noop", "b", depends_on=("a",)), job("noop", "c", depends_on=("b",)))
    burst(redis_url, on_dead=on_dead)
    assert [status(db, i) for i in "abc"] == ["failed"] * 3
    assert dead[1:] == [("b", "DependencyFailed: job a has failed"), ("c", "DependencyFailed: job b has failed")]


def test_a_job_that_allows_failure_runs_all_the_same(db, redis_url):
    """Clean-up after a job, whatever came of it."""
    add(db, job("refuse", "a"), job("noop", "b", depends_on=("a",), allow_failure=True))
    burst(redis_url)
    assert status(db, "b") == "finished"


def test_a_needy_job_enters_its_lane_only_when_its_needs_are_met(db, redis_url):
    """Until then it holds nobody up."""
    add(db, job("nap", "a", kwargs={"seconds": 0.2}), job("noop", "b", lane="l", depends_on=("a",)))
    add(db, job("noop", "c", lane="l"))
    assert db.lrange(keys.lane("l"), 0, -1) == [b"c"]
    burst(redis_url)
    assert [status(db, i) for i in "abc"] == ["finished"] * 3
    assert db.zcard(keys.LANES) == 0


def test_deleting_a_needed_job_dooms_who_needs_it(db, redis_url):
    """It can never be finished."""
    add(db, job("noop", "a", due=time.time() + 60), job("noop", "b", depends_on=("a",)))
    assert manage.delete(db, "a")
    burst(redis_url)
    assert status(db, "b") == "failed"


def test_a_key_over_its_limit_waits_and_others_do_not(db):
    """Two at once, then one each ten seconds, for each key by itself; no slot and no attempt is spent."""
    manage.limit_keys(db, "pair", jobs=1, seconds=10, burst=2)
    add(db, *(job("noop", f"a{n}", limit="pair:ana") for n in range(5)))
    add(db, *(job("noop", f"b{n}", limit="pair:bo") for n in range(2)))
    now = time.time()
    assert claim(db, 20) == 4
    waiting = [at - now for _, at in db.zrange(keys.DELAYED, 0, -1, withscores=True)]
    assert waiting == pytest.approx([10, 20, 30], abs=0.5)
    assert db.hget(keys.job("a4"), "retries_left") == b"4"


def test_a_job_that_waited_for_its_turn_is_not_asked_again(db, redis_url):
    """Its moment was reserved: whoever comes later comes later."""
    manage.limit_keys(db, "pair", jobs=20, seconds=1, burst=1)
    add(db, *(job("noop", f"a{n}", limit="pair:ana") for n in range(4)))
    assert claim(db, 20) == 1
    time.sleep(0.16)  # by Redis' clock
    assert AtomicScheduler(connection=db).enqueue_jobs() == 3
    assert claim(db, 20) == 3


def test_a_held_key_waits_for_all_workers(db):
    """Meta said when to come back."""
    manage.limit_keys(db, "number", jobs=80, seconds=1, burst=10)
    now = time.time()
    manage.hold_key(db, "number:1", until=now + 30, now=now)
    add(db, job("noop", "a", limit="number:1"), job("noop", "b", limit="number:2"))
    assert claim(db, 10) == 1
    assert db.zscore(keys.DELAYED, "a") == pytest.approx(now + 30, abs=0.1)


def test_a_limit_that_nobody_has_set_limits_nothing(db):
    """The job says which limit; whether there is one is decided elsewhere."""
    add(db, job("noop", "a", limit="pair:x"), job("noop", "b", limit="nonsense"))
    assert claim(db, 10) == 2


def test_many_limited_jobs_do_not_make_a_long_script(db):
    """A claim looks at 200 ids, and wakes the next worker when there are more."""
    manage.limit_keys(db, "pair", jobs=1, seconds=60)
    add(db, *(job("noop", f"a{n}", limit="pair:x") for n in range(500)))
    db.delete(keys.wake("q"))
    assert claim(db, 50) == 1
    assert db.zcard(keys.DELAYED) == 199
    assert db.llen(keys.wake("q")) == 1


def test_a_job_tells_how_far_it_is(db, redis_url):
    """Percent, note and lines, for whoever looks."""
    add(db, job("report", "a"))
    burst(redis_url)
    assert progress.read_progress(db, "a") == (60.0, "second of three")
    assert [line for _, line in progress.read_log(db, "a")] == ["began", "went on"]
    assert progress.read_progress(db, "none") is None


def test_events_tell_every_ending(db, redis_url):
    """In order, and one can go on where one stopped."""
    add(db, job("noop", "a"), job("refuse", "b"), job("fail", "c"), job("report", "d"))
    burst(redis_url)
    found = recent(db, "q")
    assert {(e.kind, e.job) for e in found} == {
        ("completed", "a"), ("failed", "b"), ("retried", "c"), ("progress", "d"), ("completed", "d"),
    }  # fmt: skip
    feed = events(db, "q", after=found[1].id, wait=0.01)
    assert [next(feed) for _ in range(4)] == [*found[2:], None]


def test_whoever_follows_from_now_hears_only_what_comes(db):
    """A console that opens does not replay the day."""
    db.xadd(keys.events("q"), {"kind": "completed", "job": "old", "detail": ""})
    feed = events(db, "q", wait=0.01)
    assert next(feed) is None
    db.xadd(keys.events("q"), {"kind": "completed", "job": "new", "detail": ""})
    assert next(feed).job == "new"


def test_a_stock_job_with_no_options_is_left_as_it_is(db):
    """No field of ours is needed."""
    assert enqueue(db, job("noop", "a"), now=time.time()) is Enqueued.QUEUED
    assert not {b"limit", b"waits", b"doomed", b"dependency_ids"} & set(db.hkeys(keys.job("a")))
