"""Repeatable jobs: when they run, once each, and what is known of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from common.queueing import keys, repeat
from common.queueing.repeat import Repeat
from tests.faults.engine_jobs import PATH

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=ZoneInfo("UTC")).timestamp()


def every(seconds: float = 60, name: str = "report", **more) -> Repeat:
    return Repeat(id=name, queue="q", func=PATH + "noop", every=seconds, **more)


def cron(text: str, zone: str = "UTC", name: str = "report") -> Repeat:
    return Repeat(id=name, queue="q", func=PATH + "noop", cron=text, zone=zone)


def queued(db: Redis) -> list[bytes]:
    return db.lrange(keys.queue("q"), 0, -1)


@pytest.mark.parametrize(
    ("zone", "day", "at"),
    [("America/Bogota", 22, "14:00"), ("Europe/Madrid", 23, "08:00"), ("UTC", 22, "09:00")],
)
def test_a_cron_time_is_that_of_its_zone(zone, day, at):
    """Nine in the morning is where the shop is."""
    found = datetime.fromtimestamp(cron("0 9 * * *", zone).after(NOW), ZoneInfo("UTC"))
    assert (found.day, found.strftime("%H:%M")) == (day, at)


def test_a_time_that_summer_takes_away_is_not_lost():
    """2:30 does not exist that night in New York: it runs at 3:00."""
    zone = ZoneInfo("America/New_York")
    found = cron("30 2 * * *", "America/New_York").after(datetime(2026, 3, 8, 0, 0, tzinfo=zone).timestamp())
    assert datetime.fromtimestamp(found, zone).strftime("%d %H:%M") == "08 03:00"


@given(st.floats(0, 4e9), st.integers(1, 1_000_000))
def test_every_n_seconds_keeps_to_its_grid(at, seconds):
    """Two schedulers that start at different moments agree."""
    found = every(seconds).after(at)
    assert at < found <= at + seconds
    assert found % seconds == 0


@pytest.mark.parametrize(
    "wrong",
    [{}, {"cron": "every day"}, {"cron": "* * * * *", "every": 5}, {"every": 0.2}, {"every": 60, "zone": "Mars/One"},
     {"every": 60, "id": "a:b"}, {"every": -5}],
)  # fmt: skip
def test_a_schedule_that_is_none_is_refused(wrong):
    """When it is registered, not when it should run."""
    with pytest.raises(ValueError, match=r"cron|seconds|zone|id"):
        Repeat(**{"id": "a", "queue": "q", "func": "f.g", **wrong})


def test_registering_twice_makes_one_and_keeps_its_next_time(db):
    """Every start of the release registers the table again."""
    repeat.add(db, every(60), now=NOW)
    repeat.add(db, every(60, description="new words"), now=NOW + 90)
    (row,) = repeat.rows(db)
    assert row.next_at == NOW + 60
    assert row.repeat.description == "new words"


def test_a_changed_schedule_counts_from_now(db):
    """The old next time is void."""
    repeat.add(db, every(3_600), now=NOW)
    repeat.add(db, every(60), now=NOW)
    assert repeat.rows(db)[0].next_at == NOW + 60


def test_a_tick_queues_one_job_and_sets_the_next_time(db):
    """And tells what it did."""
    repeat.add(db, every(60), now=NOW)
    assert repeat.tick(db, now=NOW + 59) == 0
    assert repeat.tick(db, now=NOW + 60.2) == 1
    assert repeat.tick(db, now=NOW + 60.4) == 0
    assert queued(db) == [f"report-{NOW + 60:.0f}".encode()]
    (row,) = repeat.rows(db)
    assert (row.next_at, row.last_at, row.runs, row.missed) == (NOW + 120, NOW + 60.2, 1, 0)
    assert [(run.job, run.by) for run in repeat.history(db, "report")] == [(row.last_job, "clock")]


def test_missed_times_are_counted_and_made_up_for_once(db):
    """Ten minutes without a scheduler: one run, nine told as missed."""
    repeat.add(db, every(60), now=NOW)
    assert repeat.tick(db, now=NOW + 600) == 1
    assert len(queued(db)) == 1
    assert repeat.rows(db)[0].missed == 9
    assert repeat.history(db, "report")[0].missed == 9


def test_runs_of_one_repeat_never_overlap(db):
    """The next one waits in the repeat's lane."""
    repeat.add(db, every(60), now=NOW)
    repeat.tick(db, now=NOW + 60)
    repeat.tick(db, now=NOW + 120)
    assert len(queued(db)) == 1
    assert db.zcard(keys.deferred("q")) == 1


def test_two_schedulers_never_double_a_tick(db, redis_url):
    """A hundred repeats, three schedulers at once."""
    for n in range(100):
        repeat.add(db, every(60, f"r{n}"), now=NOW)
    clients = [Redis.from_url(redis_url) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda client: repeat.tick(client, now=NOW + 60), clients))
    assert sum(made) == len(queued(db)) == 100
    assert all(row.runs == 1 for row in repeat.rows(db))


def test_a_person_can_run_one_now(db):
    """Beside the schedule, which stays."""
    repeat.add(db, every(3_600), now=NOW)
    job = repeat.run_now(db, "report", now=NOW + 5)
    assert queued(db) == [job.encode()]
    assert repeat.rows(db)[0].next_at == NOW + 3_600
    assert repeat.history(db, "report")[0].by == "person"
    assert repeat.run_now(db, "nobody", now=NOW) is None


def test_a_removed_repeat_leaves_nothing(db):
    """And runs no more."""
    repeat.add(db, every(60), now=NOW)
    assert repeat.remove(db, "report")
    assert not repeat.remove(db, "report")
    assert repeat.tick(db, now=NOW + 60) == 0
    assert list(db.scan_iter("rq:repeat*")) == []


def test_one_that_cannot_be_read_is_in_nobodys_way(db):
    """It waits a minute; the others run."""
    repeat.add(db, every(60, "bad"), now=NOW)
    repeat.add(db, every(60, "good"), now=NOW)
    db.hset(keys.repeat("bad"), "spec", b"{}")
    assert repeat.tick(db, now=NOW + 60) == 1
    assert db.zscore(keys.REPEATS, "bad") == NOW + 60 + repeat.PARKED_FOR
    assert [row.repeat.id for row in repeat.rows(db)] == ["good"]
