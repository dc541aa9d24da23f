"""AtomicScheduler on a real Redis: moves, poison, cron, two at once."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from common.queueing import keys
from common.queueing.job import JobSpec, enqueue, enqueue_many
from tests.faults.engine_jobs import PATH
from workers.scheduler import AtomicScheduler

NOW = 1_700_000_000.0  # long past: everything is due


def job(n: int | str, **more) -> JobSpec:
    return JobSpec(id=f"j{n}", queue=more.pop("queue", "q"), func=PATH + "noop", **more)


def test_due_jobs_go_to_their_queues_in_the_order_of_their_times(db):
    """Others wait on."""
    later = time.time() + 60
    specs = [job(1, due=NOW + 2), job(2, due=NOW + 1), job(3, due=later), job(4, due=NOW, queue="r")]
    enqueue_many(db, specs, now=NOW)
    assert AtomicScheduler(connection=db).enqueue_jobs() == 3
    assert db.lrange(keys.queue("q"), 0, -1) == [b"j2", b"j1"]
    assert db.lrange(keys.queue("r"), 0, -1) == [b"j4"]
    assert db.zcard(keys.DELAYED) == db.zcard(keys.scheduled("q")) == 1
    assert db.llen(keys.wake("q")) == 1
    assert db.hget(keys.job("j2"), "status") == b"queued"


def test_many_due_jobs_are_moved_in_bounded_scripts(db):
    """A thousand in chunks of 200."""
    enqueue_many(db, [job(n, due=NOW) for n in range(1_000)], now=NOW)
    assert AtomicScheduler(connection=db).enqueue_jobs() == 1_000
    assert db.llen(keys.queue("q")) == 1_000


def test_two_schedulers_move_each_job_once(redis_url, db):
    """Neither has a lock."""
    enqueue_many(db, [job(n, due=NOW) for n in range(2_000)], now=NOW)
    clients = [Redis.from_url(redis_url) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        moved = list(pool.map(lambda client: AtomicScheduler(connection=client).enqueue_jobs(), clients))
    assert sum(moved) == 2_000
    queued = db.lrange(keys.queue("q"), 0, -1)
    assert len(queued) == len(set(queued)) == 2_000


def test_poison_is_parked_and_in_nobodys_way(db, caplog):
    """A key of another type, a job that is gone, one that went another way."""
    caplog.set_level(logging.ERROR)
    db.set(keys.job("poison"), "not a hash")
    db.zadd(keys.DELAYED, {"poison": NOW - 2, "gone": NOW - 1})
    enqueue_many(db, [job(1, due=NOW), job(2, due=NOW)], now=NOW)
    db.hset(keys.job("j1"), "status", "finished")
    assert AtomicScheduler(connection=db).enqueue_jobs() == 1
    assert db.zrange(keys.PARKED, 0, -1) == [b"poison"]
    assert db.zcard(keys.DELAYED) == 0
    assert "poison" in caplog.text


def test_it_sleeps_until_the_next_job_and_never_long(db):
    """Delays are exact to a tick."""
    scheduler = AtomicScheduler(connection=db)
    scheduler.enqueue_jobs()
    assert scheduler.nap(time.time()) == 0.5
    enqueue(db, job(1, due=time.time() + 0.2), now=NOW)
    scheduler.enqueue_jobs()
    assert 0.05 <= scheduler.nap(time.time()) <= 0.2


@pytest.mark.filterwarnings("ignore:Version 0.22:FutureWarning")  # rq-scheduler's way of calling crontab
def test_rq_schedulers_own_calls_work_without_a_pickle(db):
    """enqueue_in and cron write JSON, and our move reads it."""
    scheduler = AtomicScheduler("q", connection=db)
    one = scheduler.enqueue_at(datetime.now(UTC) - timedelta(seconds=2), PATH + "noop", word="hola")
    cron = scheduler.cron("*/5 * * * *", PATH + "noop", id="cron-1", queue_name="q")
    db.zadd(keys.DELAYED, {cron.id: NOW})
    assert scheduler.enqueue_jobs() == 2
    assert sorted(db.lrange(keys.queue("q"), 0, -1)) == sorted([one.id.encode(), b"cron-1"])
    assert time.time() < db.zscore(keys.DELAYED, "cron-1") <= time.time() + 300


def test_a_periodic_job_is_not_queued_twice(db):
    """When its last run is not over, this tick is left out."""
    scheduler = AtomicScheduler("q", connection=db)
    scheduler.schedule(datetime.now(UTC), PATH + "noop", interval=60, id="every", queue_name="q")
    for _ in range(2):
        db.zadd(keys.DELAYED, {"every": NOW})
        scheduler.enqueue_jobs()
    assert db.lrange(keys.queue("q"), 0, -1) == [b"every"]


@pytest.mark.parametrize("meta", [b"\x80\x04cron_string", b'{"interval": "often"}', b'["cron_string"]'])
def test_a_periodic_job_that_cannot_be_read_waits_and_blocks_nobody(db, meta):
    """Pickled meta above all."""
    enqueue_many(db, [job(1, due=NOW - 5), job(2, due=NOW)], now=NOW)
    db.hset(keys.job("j1"), "meta", meta)
    assert AtomicScheduler(connection=db).enqueue_jobs() == 1
    assert db.lrange(keys.queue("q"), 0, -1) == [b"j2"]
    assert db.zscore(keys.DELAYED, "j1") > time.time() + 30
