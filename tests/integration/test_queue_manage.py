"""Reads and actions of the console and the API on queues."""

from __future__ import annotations

import asyncio
import time

import pytest
from redis import Redis

from common.queueing import inspect, keys, manage
from common.queueing.job import JobSpec, enqueue, enqueue_many
from common.settings import Settings, load
from tests.faults.engine_jobs import PATH
from workers.engine import AsyncWorker
from workers.engine.duties import Duties, sample
from workers.engine.failure import RetryPolicy
from workers.engine.scripts import CLAIM, SWEEP_LANES

NOW = 1_795_000_000.0


@pytest.fixture(autouse=True)
def _url(redis_url, monkeypatch):
    monkeypatch.setenv("TEST_REDIS_URL", redis_url)


def job(name: str, n: int | str = 1, **more) -> JobSpec:
    return JobSpec(id=f"j{n}", queue="q", func=PATH + name, **more)


def add(db: Redis, *specs: JobSpec) -> None:
    enqueue_many(db, specs, now=time.time())


def burst(url: str) -> None:
    worker = AsyncWorker(["q"], connection=Redis.from_url(url), allow=[PATH], retry=RetryPolicy(5, 10))
    assert asyncio.run(worker.main(burst=True))


def claim(db: Redis, k: int = 1) -> None:
    CLAIM(db, k, "w", 75, "2026-11-22T00:00:00.000000Z", "x", "q")


def one_of_each(db: Redis, url: str) -> None:
    add(db, job("echo", "ok"), job("refuse", "bad"))
    burst(url)
    add(db, job("noop", "run"))
    claim(db)
    add(db, job("noop", "wait"), job("noop", "later", due=time.time() + 99))
    add(db, job("noop", "head", lane="a", due=time.time() + 50), job("noop", "next", lane="a"))


def test_every_state_is_counted_and_listed(db, redis_url):
    """Counts agree with the pages, and each row says where it stands."""
    one_of_each(db, redis_url)
    counts = inspect.counts(db, ["q", "empty"])
    assert counts["q"] == {"queued": 1, "started": 1, "scheduled": 2, "deferred": 1, "finished": 1, "failed": 1}
    assert set(counts["empty"].values()) == {0}
    for state, ids in {
        "queued": ["jwait"], "started": ["jrun"], "scheduled": ["jhead", "jlater"], "deferred": ["jnext"],
        "finished": ["jok"], "failed": ["jbad"],
    }.items():  # fmt: skip
        page = inspect.list_jobs(db, "q", state)
        assert [row.id for row in page.rows] == ids
        assert page.total == len(ids)
        assert {row.state for row in page.rows} == {state}


def test_pages_walk_a_list(db):
    """Offset and limit; ended jobs come newest first."""
    add(db, *(job("noop", n) for n in range(7)))
    assert [row.id for row in inspect.list_jobs(db, "q", "queued", offset=5, limit=5).rows] == ["j5", "j6"]
    with pytest.raises(ValueError, match="unknown state"):
        inspect.list_jobs(db, "q", "nowhere")


def test_a_jobs_page_tells_all(db, redis_url):
    """kwargs, attempts, result, due time; nothing for an id that is not there."""
    one_of_each(db, redis_url)
    assert inspect.job_detail(db, "jok").result == {"got": {}, "attempt": 1}
    assert inspect.job_detail(db, "jlater").due_at == pytest.approx(time.time() + 99, abs=5)
    bad = inspect.job_detail(db, "jbad")
    assert bad.attempts[0].error.startswith("MessageRefused")
    assert inspect.job_detail(db, "nobody") is None


def test_data_that_is_no_json_is_shown_as_nothing(db):
    """A page never unpickles, and never breaks."""
    add(db, job("noop"))
    for data in (b"\x80\x04.", b"x", b"[1]", b'{"a":1}'):
        db.hset(keys.job("j1"), "data", data)
        assert inspect.job_detail(db, "j1").kwargs == {}


def test_reads_change_nothing(db, redis_url):
    """Every key is the same after all of them."""
    one_of_each(db, redis_url)
    before = {key: db.dump(key) for key in db.scan_iter()}
    inspect.counts(db, ["q"])
    for state in inspect.STATES:
        inspect.list_jobs(db, "q", state)
    inspect.job_detail(db, "jbad")
    inspect.oldest_queued(db, "q", now=time.time())
    inspect.workers(db)
    inspect.samples(db, since=0)
    assert {key: db.dump(key) for key in db.scan_iter()} == before


def test_the_age_of_a_queue_is_that_of_its_next_job(db):
    """None when nothing waits."""
    assert inspect.oldest_queued(db, "q", now=NOW) is None
    enqueue(db, job("noop"), now=NOW)
    assert inspect.oldest_queued(db, "q", now=NOW + 12.5) == pytest.approx(12.5)


def test_a_failed_job_runs_again_with_all_its_attempts(db, redis_url):
    """And only a failed one."""
    one_of_each(db, redis_url)
    assert manage.retry(db, "jbad", now=time.time())
    row = inspect.job_detail(db, "jbad").row
    assert (row.state, row.attempt, row.attempts) == ("queued", 1, 5)
    assert db.ttl(keys.job("jbad")) == -1
    for other in ("jok", "jrun", "jwait", "jlater", "jnext", "nobody"):
        assert not manage.retry(db, other, now=time.time())


def test_a_retried_job_goes_to_the_end_of_its_lane(db, redis_url):
    """It never runs beside the lane's head."""
    add(db, job("refuse", 1, lane="a"), job("noop", 2, lane="a"))
    claim(db)
    db.hset(keys.job("j1"), "status", "failed")
    db.lpop(keys.lane("a"))
    assert manage.retry(db, "j1", now=time.time())
    assert inspect.job_detail(db, "j1").row.state == "deferred"
    assert db.lrange(keys.lane("a"), 0, -1) == [b"j2", b"j1"]


def test_all_failed_jobs_of_a_queue_run_again_up_to_a_limit(db, redis_url):
    """In chunks that do not stall Redis."""
    add(db, *(job("refuse", n) for n in range(450)))
    burst(redis_url)
    assert manage.retry_all(db, "q", now=time.time(), limit=401) == 401
    assert inspect.counts(db, ["q"])["q"]["failed"] == 49
    assert inspect.counts(db, ["q"])["q"]["queued"] == 401


def test_jobs_of_every_state_but_running_can_be_deleted(db, redis_url):
    """Nothing is left of them but a running one."""
    one_of_each(db, redis_url)
    assert not manage.delete(db, "jrun")
    assert not manage.delete(db, "nobody")
    for name in ("jok", "jbad", "jwait", "jlater", "jhead", "jnext"):
        assert manage.delete(db, name)
    counts = inspect.counts(db, ["q"])["q"]
    assert counts.pop("started") == 1
    assert set(counts.values()) == {0}
    assert db.zcard(keys.DELAYED) == 0
    assert list(db.scan_iter("rq:job:*")) == [b"rq:job:jrun"]
    assert not list(db.scan_iter("rq:lane:*"))


def test_a_scheduled_job_can_be_promoted(db):
    """It leaves both sets and is queued; others are left."""
    add(db, job("noop", 1, due=time.time() + 60), job("noop", 2))
    assert manage.promote(db, "j1", now=time.time())
    assert not manage.promote(db, "j2", now=time.time())
    assert db.zcard(keys.DELAYED) == db.zcard(keys.scheduled("q")) == 0
    assert db.lrange(keys.queue("q"), 0, -1) == [b"j2", b"j1"]


def test_a_hold_stops_a_limited_queue_for_all(db, redis_url):
    """A 429 with Retry-After: nobody claims before then."""
    manage.limit(db, "q", jobs=100, seconds=1, burst=10)
    manage.hold(db, "q", until=time.time() + 60)
    add(db, job("noop"))
    claim(db)
    assert db.zcard(keys.wip("q")) == 0
    manage.unlimit(db, "q")
    claim(db)
    assert db.zcard(keys.wip("q")) == 1


def test_a_limit_needs_positive_numbers(db):
    """Zero jobs a second is a pause, and has its own action."""
    with pytest.raises(ValueError, match="positive"):
        manage.limit(db, "q", jobs=0, seconds=1)


def test_limits_come_from_the_settings(db, monkeypatch):
    """QUEUE_LIMIT_WHATSAPP_AI names whatsapp-ai; an empty one takes the limit away, none leaves it."""
    monkeypatch.setenv("QUEUE_LIMIT_WHATSAPP_AI", "100/1s")
    monkeypatch.setenv("QUEUE_LIMIT_MESSAGES", "")
    manage.limit(db, "messages", jobs=1, seconds=1)
    manage.limit(db, "q", jobs=1, seconds=1)
    manage.set_limits(db, ["whatsapp-ai", "messages", "q"], Settings().queue_limits)
    assert db.hgetall(keys.limit("whatsapp-ai")) == {b"n": b"100", b"us": b"1000000", b"burst": b"10"}
    assert not db.exists(keys.limit("messages"))
    assert db.exists(keys.limit("q"))


@pytest.mark.parametrize("wrong", ["10", "0/1s", "10/0s", "ten/1s", "10/1m", "-1/1s"])
def test_a_limit_that_is_none_stops_the_process(monkeypatch, capsys, wrong):
    """With the line that names it."""
    monkeypatch.setenv("QUEUE_LIMIT_WHATSAPP_AI", wrong)
    with pytest.raises(SystemExit):
        load()
    assert "QUEUE_LIMIT_WHATSAPP_AI: use jobs/seconds" in capsys.readouterr().err


def test_a_sample_says_what_the_counts_say(db, redis_url):
    """And is read back by time."""
    one_of_each(db, redis_url)
    row = sample(db, now=time.time())["q"]
    assert row[:5] == [1, 1, 2, 1, 1]
    assert 0 <= row[5] < 60
    assert row[6:] == [1, 1]
    Duties(db, "one").tick(time.time())
    (found,) = inspect.samples(db, since=time.time() - 60)
    assert found.queues["q"].scheduled == 2
    assert found.queues["q"].finished_total == 1


def test_two_schedulers_write_one_sample(db):
    """The duty is one's at a time."""
    enqueue(db, job("noop"), now=NOW)
    now = time.time()
    Duties(db, "one").tick(now)
    Duties(db, "two").tick(now)
    assert db.xlen(keys.samples(5)) == 1


def test_expired_ids_and_dead_workers_leave_the_lists(db, redis_url):
    """Registries do not grow for ever."""
    one_of_each(db, redis_url)
    db.zadd(keys.finished("q"), {f"gone{n}": NOW - n for n in range(1_200)})
    db.sadd(keys.WORKERS, "rq:worker:dead")
    Duties(db, "one").tick(time.time())
    assert db.zrange(keys.finished("q"), 0, -1) == [b"jok"]
    assert not db.sismember(keys.WORKERS, "rq:worker:dead")


@pytest.mark.parametrize("harm", ["deleted", "finished", "deferred", "unscheduled", "unleased", "unqueued", "expired"])
def test_a_lane_that_stands_still_moves_again(db, harm):
    """Whatever was done to its head outside of our scripts."""
    due = time.time() + 60 if harm == "unscheduled" else None
    add(db, job("noop", 1, lane="a", due=due), job("noop", 2, lane="a"))
    if harm == "unscheduled":
        db.delete(keys.DELAYED)
    elif harm == "unleased":
        claim(db)
        db.delete(keys.wip("q"))
    else:
        db.delete(keys.queue("q"))
        if harm in {"deleted", "expired"}:
            db.delete(keys.job("j1"))
        elif harm in {"finished", "deferred"}:
            db.hset(keys.job("j1"), "status", harm)
    assert SWEEP_LANES(db, 0, 100, "2026-11-22T00:00:00.000000Z") == [1, 1]
    next_up = b"j2" if harm in {"deleted", "finished", "expired"} else b"j1"
    assert db.lrange(keys.queue("q"), 0, -1) == [next_up]
    assert SWEEP_LANES(db, 0, 100, "2026-11-22T00:00:00.000000Z") == [1, 0]


def test_a_lane_that_is_well_is_left_alone(db):
    """Queued, scheduled and running heads are where they should be."""
    add(db, job("noop", 1, lane="a"))
    claim(db)
    add(db, job("noop", 2, lane="b"), job("noop", 3, lane="c", due=time.time() + 60))
    before = {key: db.dump(key) for key in db.scan_iter() if key != keys.LANES.encode()}
    assert SWEEP_LANES(db, 0, 100, "2026-11-22T00:00:00.000000Z") == [3, 0]
    assert {key: db.dump(key) for key in db.scan_iter() if key != keys.LANES.encode()} == before
