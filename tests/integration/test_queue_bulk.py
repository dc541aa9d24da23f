"""Work on very many jobs, in bounded steps whatever the queue looks like; `python -m bench million` times it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from redis import Redis

from bench import million
from bench.engine import QUEUE
from common.clock import iso
from common.queueing import inspect, keys, manage
from common.queueing.job import JobSpec, enqueue_many
from common.store.scripts import Script

JOBS = 50_000
DELETE = Script("common.queueing", "delete", lib=["common.queueing:lib"])


class Watched(Redis):
    """A client that remembers how many ids each script call got, and how long each page was."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.ids: list[int] = []
        self.pages: list[int] = []

    def execute_command(self, *args: Any, **options: Any) -> Any:
        found = super().execute_command(*args, **options)
        if args[0] in {"EVALSHA", "EVAL"}:
            self.ids.append(len(args) - 5)  # sha, 0, iso and, for delete, a queue
        elif isinstance(found, list):
            self.pages.append(len(found))
        return found


def specs(count: int, **more: Any):
    return (JobSpec(id=f"j{n}", queue="q", func="x.noop", **more) for n in range(count))


def test_work_on_50_000_jobs_goes_in_bounded_steps(redis_url, db):
    """Of everything that changes many jobs, no script gets more than CHUNK ids, and no read more than a page."""
    million.build(db, JOBS)
    watched = Watched.from_url(redis_url)
    done = {}
    for name, act in million.actions(watched, JOBS):
        watched.ids, watched.pages = [], []
        done[name] = act()
        assert max(watched.ids, default=0) <= manage.CHUNK <= 500, name
        assert max(watched.pages, default=0) <= manage.PAGE <= 500, name
        if type(done[name]) is int:
            most = 2 * (done[name] // manage.CHUNK + JOBS // manage.PAGE) + 20
            assert len(watched.ids) <= most, name
    part = JOBS // 10
    assert done["retry 1 of 3 errors"] == pytest.approx(2 * part / 3, abs=2)
    assert done["retry all"] == part
    assert done["clean failed, half"] == 2 * part - 1 - done["retry 1 of 3 errors"] - done["retry all"]
    assert done["clean finished, half"] == done["clean deferred, half"] == part // 2
    left = inspect.counts(db, [QUEUE])[QUEUE]
    assert (left["queued"], left["deferred"], left["finished"]) == (0, 0, 0)
    assert left["started"] == 8
    assert db.zcard(keys.LANES) == 0


def test_jobs_deep_in_a_list_are_deleted_a_few_at_a_time(db):
    """A list is looked through for each: the script stops after so many entries, and says how far it came."""
    enqueue_many(db, specs(9_000), now=time.time())
    ids = [f"j{n}" for n in range(8_000, 8_050)]
    done, _, looked = DELETE(db, iso(time.time()), "", *ids)
    assert done == looked == 3
    assert sum(manage.delete(db, one) for one in ids) == 47
    assert db.llen(keys.queue("q")) == 8_950


def test_ended_jobs_of_a_long_lane_do_not_look_for_themselves_in_it(db):
    """They left it when they ended; its waiting jobs stay as they are."""
    enqueue_many(db, specs(5_000, lane="l"), now=time.time())
    db.hset(keys.job("j0"), "status", "finished")
    db.zadd(keys.finished("q"), {"j0": time.time() + 60})
    db.lpop(keys.lane("l"))
    assert DELETE(db, iso(time.time()), "", "j0") == [1, 0, 1]
    assert db.llen(keys.lane("l")) == 4_999


def test_a_long_lane_is_emptied_in_full_steps(redis_url, db):
    """Not one head after the other, each of them setting the next one free."""
    enqueue_many(db, specs(1_000, lane="l"), now=time.time())
    watched = Watched.from_url(redis_url)
    assert manage.empty(watched, "q", now=time.time()) == 1_000
    assert len(watched.ids) <= 1_000 / manage.CHUNK + 2
    assert not db.exists(keys.lane("l"), keys.LANES, keys.queue("q"))


def test_ids_whose_jobs_are_gone_do_not_stand_in_the_way(db):
    """Cleaning steps over what has expired, however much of it comes first; emptying leaves nothing of it."""
    enqueue_many(db, specs(700), now=time.time() - 60)
    db.delete(*(keys.job(f"j{n}") for n in range(600)))
    assert manage.clean(db, "q", "queued", older_than=30, now=time.time(), limit=40) == 40
    assert manage.empty(db, "q", now=time.time()) == 60
    assert inspect.counts(db, ["q"])["q"]["queued"] == 0
