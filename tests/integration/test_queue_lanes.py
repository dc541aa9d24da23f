"""Enqueue, lanes and postponing: what the Lua library promises."""

from __future__ import annotations

import time

import pytest

from common.clock import iso
from common.queueing import keys, manage
from common.queueing.job import LIB, Enqueued, JobSpec, enqueue, enqueue_many
from common.store.scripts import Script

NOW = 1_795_000_000.0


def job(n: int | str, **more) -> JobSpec:
    return JobSpec(id=f"j{n}", queue="q", func="tests.faults.engine_jobs.noop", **more)


def lua(db, text: str, *args):
    """Run a line of Lua with the library in front."""
    library = Script("common.queueing", "lib").source.decode()
    return db.eval(library + "\n" + text, 0, *args)


def status(db, job_id: str) -> bytes:
    return db.hget(keys.job(job_id), "status")


def test_the_same_id_is_queued_once(db):
    """Deduplication is part of the same step."""
    assert enqueue(db, job(1), now=NOW) is Enqueued.QUEUED
    assert enqueue(db, job(1), now=NOW) is Enqueued.DUPLICATE
    assert db.lrange(keys.queue("q"), 0, -1) == [b"j1"]


def test_only_the_head_of_a_lane_is_queued(db):
    """The others wait as deferred, in order."""
    results = enqueue_many(db, [job(n, lane="a") for n in range(3)] + [job(9, lane="b")], now=NOW)
    assert results == [Enqueued.QUEUED, Enqueued.DEFERRED, Enqueued.DEFERRED, Enqueued.QUEUED]
    assert db.lrange(keys.queue("q"), 0, -1) == [b"j0", b"j9"]
    assert db.zcard(keys.deferred("q")) == 2


def test_a_due_job_waits_in_the_schedulers_set(db):
    """Both in the one set and in the queue's index of it."""
    assert enqueue(db, job(1, due=NOW + 5), now=NOW) is Enqueued.SCHEDULED
    assert db.zscore(keys.DELAYED, "j1") == db.zscore(keys.scheduled("q"), "j1") == NOW + 5
    assert db.llen(keys.queue("q")) == 0


def test_advance_sets_the_next_one_free_and_only_once(db):
    """A second ending of the same head moves nothing."""
    enqueue_many(db, [job(n, lane="a") for n in range(3)], now=NOW)
    db.delete(keys.queue("q"))
    assert lua(db, "local moved = q_advance('a', 'j0', ARGV[1]) q_flush() return moved", iso(NOW)) == 1
    assert lua(db, "local moved = q_advance('a', 'j0', ARGV[1]) q_flush() return moved", iso(NOW)) == 0
    assert db.lrange(keys.queue("q"), 0, -1) == [b"j1"]
    assert db.lrange(keys.lane("a"), 0, -1) == [b"j1", b"j2"]


def test_advance_steps_over_jobs_that_are_gone(db):
    """A deleted hash in the middle of a lane does not stop it."""
    enqueue_many(db, [job(n, lane="a") for n in range(4)], now=NOW)
    db.delete(keys.job("j1"))
    db.hset(keys.job("j2"), "status", "finished")
    assert lua(db, "local moved = q_advance('a', 'j0', ARGV[1]) q_flush() return moved", iso(NOW)) == 1
    assert db.lindex(keys.lane("a"), 0) == b"j3"
    assert status(db, "j3") == b"queued"


def test_an_empty_lane_leaves_nothing_behind(db):
    """No list, no entry in the index of lanes."""
    enqueue(db, job(1, lane="a"), now=NOW)
    assert db.zcard(keys.LANES) == 1
    lua(db, "local moved = q_advance('a', 'j1', ARGV[1]) q_flush() return moved", iso(NOW))
    assert db.zcard(keys.LANES) == 0
    assert not db.exists(keys.lane("a"))


@pytest.mark.parametrize(("seconds", "state"), [(60, b"scheduled"), (-60, b"queued")])
def test_a_deferred_job_keeps_its_due_time_until_its_turn(db, seconds, state):
    """A burst that begins while the bot still answers is awaited, too."""
    enqueue(db, job(1, lane="a"), now=NOW)
    enqueue(db, job(2, lane="a", due=time.time() + seconds), now=NOW)
    lua(db, "local moved = q_advance('a', 'j1', ARGV[1]) q_flush() return moved", iso(NOW))
    assert status(db, "j2") == state


def test_a_waiting_job_is_postponed_and_never_preponed(db):
    """The quiet time starts anew with each message of a burst."""
    enqueue(db, job(1, lane="a", due=NOW + 5), now=NOW)
    assert lua(db, "return q_postpone('j1', ARGV[1])", NOW + 9) == 1
    assert lua(db, "return q_postpone('j1', ARGV[1])", NOW + 2) == 1
    assert db.zscore(keys.DELAYED, "j1") == db.zscore(keys.scheduled("q"), "j1") == NOW + 9


def test_what_no_longer_waits_is_not_postponed(db):
    """Queued, running or unknown jobs stay where they are."""
    enqueue(db, job(1), now=NOW)
    assert lua(db, "return q_postpone('j1', ARGV[1])", NOW + 9) == 0
    assert lua(db, "return q_postpone('nobody', ARGV[1])", NOW + 9) == 0
    assert db.zcard(keys.DELAYED) == 0


def test_a_queue_holds_one_wake_token(db):
    """A thousand jobs leave one token, not a thousand."""
    enqueue_many(db, [job(n) for n in range(50)], now=NOW)
    assert db.llen(keys.wake("q")) == 1


def test_every_script_is_valid_with_the_library(db):
    """Redis compiles each of them."""
    for package, name in [
        ("common.queueing", "enqueue"), ("common.queueing", "retry"), ("common.queueing", "delete"),
        ("common.queueing", "promote"), ("common.queueing", "wake"), ("common.queueing", "resolve"),
        ("workers.engine", "claim"),
        ("workers.engine", "finish"), ("workers.engine", "beat"), ("workers.engine", "reap"),
        ("workers.engine", "move_due"), ("workers.engine", "move_periodic"), ("workers.engine", "sweep_lanes"),
    ]:  # fmt: skip
        script = Script(package, name, lib=[LIB])
        assert db.script_load(script.source) == script.sha


def test_deleting_a_head_moves_its_lane(db):
    """A person who deletes the job in front lets the next one go."""
    enqueue_many(db, [job(n, lane="a") for n in range(3)], now=NOW)
    assert manage.delete(db, "j0", now=NOW)
    assert manage.delete(db, "j1", now=NOW)
    assert db.lrange(keys.queue("q"), 0, -1) == [b"j2"]
    assert db.lrange(keys.lane("a"), 0, -1) == [b"j2"]
