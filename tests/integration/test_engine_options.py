"""Job options that the engine carries out: needs, limits by key, progress, logs, events."""

from __future__ import annotations

import asyncio
import time

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from common.queueing import inspect, keys, manage, progress, timings
from common.queueing.events import events, recent
from common.queueing.job import Backoff, Enqueued, JobSpec, enqueue, enqueue_many
from tests.faults.engine_jobs import PATH
from workers.engine import AsyncWorker, DeadJob
from workers.engine.duties import Duties
from workers.engine.failure import RetryPolicy
from workers.engine.scripts import CLAIM, FINISH, SWEEP_LANES
from workers.scheduler import AtomicScheduler


@pytest.fixture(autouse=True)
def _url(redis_url, monkeypatch):
    monkeypatch.setenv("TEST_REDIS_URL", redis_url)


def job(name: str, job_id: str, **more) -> JobSpec:
    return JobSpec(id=job_id, queue="q", func=PATH + name, kwargs=more.pop("kwargs", {}), **more)


def add(db: Redis, *specs: JobSpec, now: float | None = None) -> list[Enqueued]:
    return enqueue_many(db, specs, now=now or time.time())


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


@pytest.mark.parametrize("end", ["finish", "delete"])
def test_a_job_that_very_many_need_tells_them_in_bounded_steps(db, redis_url, end):
    """The first at its end, the others by the scheduler; one that failed and runs again starts with a clean slate."""
    add(db, job("noop", "parent"), *(job("noop", f"c{n}", depends_on=("parent",)) for n in range(450)))
    if end == "finish":
        CLAIM(db, 1, "w", 75, "2026-11-22T00:00:00.000000Z", "x", "q")
        (execution,) = db.zrange(keys.executions("parent"), 0, -1)
        at = f"{time.time():.6f}"
        row = ["q", "parent", execution, "ok", 60, at, "2026-11-22T00:00:01.000000Z", at, "", "", "0", "", "", 0]
        FINISH(db, "w", 100, 100, 1, 0, *row)
    else:
        assert manage.delete(db, "parent")
    assert (db.zcard(keys.deferred("q")), db.zcard(keys.RESOLVING)) == (350, 1)
    add(db, job("noop", "parent" if end == "delete" else "other"), job("noop", "late", depends_on=("parent",)))
    Duties(db, "one").tick(time.time())
    assert db.zcard(keys.deferred("q")) == (1 if end == "delete" else 0)
    assert not db.exists(keys.RESOLVING)
    assert not list(db.scan_iter("rq:resolving*"))
    doomed = sum(db.hexists(keys.job(f"c{n}"), "doomed") for n in range(450))
    assert doomed == (450 if end == "delete" else 0)
    assert not db.hexists(keys.job("late"), "doomed")


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


def test_a_jobs_log_goes_with_it(db, redis_url):
    """What is kept of a job is kept equally long."""
    add(db, job("report", "a", result_ttl=60))
    burst(redis_url)
    assert 0 < db.ttl(keys.log("a")) <= db.ttl(keys.job("a")) <= 60


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


def order(db: Redis) -> list[int]:
    return [int(n) for n in db.lrange("order:lane-0", 0, -1)]


def turn(n: int, **more) -> JobSpec:
    return job("turn", f"t{n}", kwargs={"contact": 0, "n": n, "seconds": 0}, **more)


def test_jobs_of_a_lower_number_go_first_and_equals_in_their_order(db, redis_url):
    """All ten levels, whenever they came."""
    add(db, *(turn(10 * p + n, priority=p) for n in range(3) for p in (5, 10, 1, 6, 4)))
    assert inspect.counts(db, ["q"])["q"]["queued"] == 15
    assert inspect.queue_names(db) == ["q"]
    listed = [row.id for row in inspect.list_jobs(db, "q", "queued", offset=2, limit=5).rows]
    assert listed == ["t12", "t40", "t41", "t42", "t50"]
    burst(redis_url, concurrency=1)
    assert order(db) == [10 * p + n for p in (1, 4, 5, 6, 10) for n in range(3)]
    assert not db.exists(keys.bands("q"))
    assert db.smembers(keys.QUEUES) == {b"rq:queue:q"}


def test_rqs_tools_see_jobs_of_every_priority(db):
    """Each band in use is a queue to them, its jobs' origin is the queue."""
    add(db, turn(1, priority=1), turn(5))
    assert {queue.name: queue.count for queue in Queue.all(connection=db)} == {"q": 1, "q:p1": 1}
    found = Job.fetch("t1", connection=db, serializer=JSONSerializer)
    assert (found.origin, found.get_status()) == ("q", "queued")


def test_a_lane_keeps_its_order_whatever_the_priorities(db, redis_url):
    """The head's priority counts against other lanes only; a retry and a hand-back stay in their band."""
    add(db, turn(1, lane="a", priority=10), turn(2, lane="a", priority=1), turn(3, priority=1))
    burst(redis_url, concurrency=1)
    assert order(db) == [3, 1, 2]


def test_what_waits_in_a_band_is_deleted_cleaned_and_swept(db):
    """Management knows every list of a queue."""
    add(db, turn(1, priority=1), turn(2, priority=10, lane="a"), turn(3))
    db.delete("rq:queue:q:p10")
    assert SWEEP_LANES(db, 0, 100, "2026-11-22T00:00:00.000000Z") == [1, 1]
    assert db.lrange("rq:queue:q:p10", 0, -1) == [b"t2"]
    assert manage.delete(db, "t1")
    assert manage.empty(db, "q", now=time.time()) == 2
    assert inspect.counts(db, ["q"])["q"]["queued"] == 0
    assert inspect.oldest_queued(db, "q", now=time.time()) is None


def test_a_job_that_waited_too_long_fails_and_its_lane_goes_on(db, redis_url):
    """It never begins, and the dead-letter hook hears of it."""
    dead = []

    async def on_dead(one: DeadJob) -> None:
        dead.append((one.id, one.reason))

    add(db, job("noop", "old", ttl=0.01, lane="a"), job("noop", "next", lane="a"), job("noop", "young", ttl=60))
    time.sleep(0.02)  # Redis' clock says how old it is
    burst(redis_url, on_dead=on_dead)
    assert dead == [("old", "JobExpired: it waited longer than its ttl")]
    assert [status(db, one) for one in ("old", "next", "young")] == ["failed", "finished", "finished"]


def test_a_job_that_has_begun_once_does_not_expire(db, redis_url):
    """Its retries are not new jobs."""
    add(db, job("fail_then_work", "a", kwargs={"times": 1}, ttl=0.2, backoff=Backoff("fixed", 0.3)))
    burst(redis_url)
    assert db.zscore(keys.DELAYED, "a") == pytest.approx(time.time() + 0.3, abs=0.15)
    time.sleep(0.35)  # until its retry is due
    AtomicScheduler(connection=db).enqueue_jobs()
    burst(redis_url)
    assert status(db, "a") == "finished"


def test_a_job_says_how_many_like_it_are_kept(db, redis_url):
    """Of those that completed, and of those that failed."""
    add(db, *(job("noop", f"ok{n}") for n in range(20)), *(job("refuse", f"bad{n}") for n in range(20)))
    burst(redis_url)
    add(db, job("noop", "ok", keep_completed=5), job("refuse", "bad", keep_failed=3))
    burst(redis_url)
    assert inspect.counts(db, ["q"])["q"] == {
        "queued": 0, "started": 0, "scheduled": 0, "deferred": 0, "finished": 5, "failed": 3,
    }  # fmt: skip
    assert (status(db, "ok"), status(db, "bad")) == ("finished", "failed")
    assert len(list(db.scan_iter("rq:job:*"))) == 8


def test_how_long_jobs_waited_and_ran_is_written_down(db, redis_url):
    """By the worker's leave at the latest."""
    add(db, *(job("nap", f"j{n}", kwargs={"seconds": 0.05}) for n in range(10)), now=time.time() - 20)
    burst(redis_url)
    stored = db.hgetall(keys.timings("q"))
    run, wait = timings.read(stored, "run"), timings.read(stored, "wait")
    assert (run.count, wait.count) == (10, 10)
    assert 0.03 < run.quantile(0.5) < 0.3
    assert 15 < wait.quantile(0.5) < 26
