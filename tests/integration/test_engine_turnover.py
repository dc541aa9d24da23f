"""Jobs that come with a briefing, end with last words, and make room for others in the same step."""

from __future__ import annotations

import asyncio
import gc
import time

import pytest
from redis import Redis

from common.conversations.scripts import DESK_READ
from common.queueing import inspect, keys
from common.queueing.job import JobSpec, enqueue_many
from common.store.scripts import Script
from tests.faults.engine_jobs import PATH
from tests.integration.test_engine_worker import until
from tests.integration.turnover_jobs import LOOK, NOTE, NOTES, STRANGER
from workers.engine import AsyncWorker, DeadJob
from workers.engine.failure import RetryPolicy
from workers.engine.run import Run
from workers.engine.scripts import CLAIM, FINISH, Briefing, turnover
from workers.engine.state import State

JOBS = "tests.integration.turnover_jobs."
SCRIPTS = turnover({JOBS + "briefed": Briefing(LOOK, ("key",), ("field",))}, (NOTE, NOTES))


@pytest.fixture(autouse=True)
def _url(redis_url, monkeypatch):
    monkeypatch.setenv("TEST_REDIS_URL", redis_url)


def job(name: str, job_id: str, path: str = JOBS, **more) -> JobSpec:
    return JobSpec(id=job_id, queue="q", func=path + name, kwargs=more.pop("kwargs", {}), **more)


def add(db: Redis, *specs: JobSpec) -> None:
    enqueue_many(db, specs, now=time.time())


def worker(url: str, **options) -> AsyncWorker:
    options = {"retry": RetryPolicy(5, 10), "scripts": SCRIPTS} | options
    return AsyncWorker(["q"], connection=Redis.from_url(url), allow=[PATH, JOBS], **options)


def burst(url: str, **options) -> AsyncWorker:
    one = worker(url, **options)
    assert asyncio.run(one.main(burst=True))
    return one


def state(db: Redis, job_id: str) -> str:
    detail = inspect.job_detail(db, job_id)
    assert detail is not None
    return detail.row.state


# --- briefings --------------------------------------------------------------------------------------------------------


def test_a_job_is_told_what_stood_when_it_was_taken(db, redis_url):
    """Read by the script that takes the job, from its keyword arguments; another function gets nothing."""
    db.hset("there", "field", "seen")
    add(db, job("briefed", "a", kwargs={"key": "there"}), job("unbriefed", "b"))
    burst(redis_url)
    assert db.hgetall("briefings") == {b"a": b"seen", b"b": b"None"}


def test_a_briefing_that_fails_leaves_the_job_to_read_for_itself(db, redis_url):
    """A key of another type: the job starts all the same, and so does the one beside it."""
    db.lpush("there", "not a hash")
    add(db, job("briefed", "a", kwargs={"key": "there"}), job("briefed", "b", kwargs={"key": "missing"}))
    burst(redis_url)
    assert db.hgetall("briefings") == {b"a": b"None", b"b": b"nothing"}


def test_a_job_without_the_argument_of_its_briefing_starts(db, redis_url):
    """What anybody may have queued is no reason to stand still."""
    add(db, job("briefed", "a", kwargs={"other": 1}))
    burst(redis_url)
    assert db.hgetall("briefings") == {b"a": b"None"}


@pytest.mark.parametrize("wrong", ["x'] = 1 --", "a b"])
def test_a_briefing_writes_no_lua_but_names(wrong):
    """What is generated is code."""
    with pytest.raises(ValueError, match="plain"):
        turnover({"p.f": Briefing(LOOK, (wrong,))})
    with pytest.raises(ValueError, match="plain"):
        turnover({wrong: Briefing(LOOK, ("key",))})


# --- last words -------------------------------------------------------------------------------------------------------


def test_last_words_are_written_with_the_ending(db, redis_url):
    """In their order, each with its own arguments, before the next of the lane begins."""
    add(db, *(job("concluding", f"j{n}", lane="l", kwargs={"notes": [f"{n}a", f"{n}b"]}) for n in range(3)))
    burst(redis_url)
    assert db.lrange("notes", 0, -1) == [b"0a", b"0b", b"1a", b"1b", b"2a", b"2b"]
    assert [state(db, f"j{n}") for n in range(3)] == ["finished"] * 3


def test_no_word_that_this_worker_does_not_know(db, redis_url):
    """The job is told that it must write it itself."""
    add(db, job("stranger", "a"))
    burst(redis_url)
    assert db.get("stranger") == b"False"
    assert STRANGER.name not in SCRIPTS.words


def test_words_that_cannot_be_said_are_the_job_s_failure(db, redis_url):
    """It is tried again, then dead; the others of the same moment end well."""
    dead = []

    async def on_dead(job: DeadJob) -> None:
        dead.append((job.id, job.reason, state(db, job.id)))

    db.set("notes", "no list")
    add(db, job("concluding", "a", kwargs={"notes": ["x"]}, attempts=1), job("noop", "b", PATH))
    add(db, job("concluding", "c", kwargs={"notes": ["x"]}, attempts=2))
    burst(redis_url, on_dead=on_dead)
    assert (state(db, "a"), state(db, "b"), state(db, "c")) == ("failed", "finished", "scheduled")
    [(job_id, reason, before)] = dead
    assert (job_id, before) == ("a", "started")
    assert reason.startswith("LastWordsRefused: a: ")
    assert "WRONGTYPE" in reason
    assert db.zcard(keys.wip("q")) == 0


def test_what_failed_on_its_way_still_says_its_words(db, redis_url):
    """They are of what has happened already."""
    add(db, job("concluding_then_failing", "a", attempts=1))
    burst(redis_url)
    assert (db.lrange("notes", 0, -1), state(db, "a")) == ([b"so far"], "failed")


def test_words_are_said_by_a_run_that_lost_its_lease_and_its_ending_is_not(db, redis_url):
    """They know themselves what they may do: a post that Graph took has happened."""

    async def scene():
        one = worker(redis_url, lease=60)
        task = asyncio.create_task(one.main())
        await until(lambda: db.exists("begun"))
        (execution,) = db.zrange(keys.wip("q"), 0, -1)
        db.zrem(keys.wip("q"), execution)
        db.set("go", 1)
        await until(lambda: db.exists("notes"))
        one.request_stop()
        await task

    add(db, job("concluding_when_told", "a"))
    asyncio.run(scene())
    assert db.lrange("notes", 0, -1) == [b"told"]
    assert db.hget(keys.job("a"), "status") == b"started"  # another run's to end
    assert db.zcard(keys.finished("q")) == 0


# --- turnover ---------------------------------------------------------------------------------------------------------


def test_a_lane_runs_on_without_a_claim_of_its_own(db, redis_url):
    """The script that ends a job takes the next one of its lane."""
    add(db, *(job("noop", f"j{n}", PATH, lane="l") for n in range(30)))
    one = burst(redis_url)
    claims, endings = one.trips
    assert db.zcard(keys.finished("q")) == 30
    assert endings == 30
    assert claims < 10  # at the start, at the end, and when a token was there


@pytest.mark.parametrize(("queue", "taken", "token"), [("q", 1, 0), ("other", 0, 1)])
def test_a_token_is_left_for_what_was_not_taken_at_once(db, queue, taken, token):
    """An idle worker is woken for what is there to take, and for nothing else."""
    add(db, job("noop", "a", PATH, lane="l"), job("noop", "b", PATH, lane="l"))
    CLAIM(db, 1, "w", 75, "2026-11-22T00:00:00.000000Z", "x", "q")
    db.delete(keys.wake("q"))
    at = f"{time.time():.6f}"
    ask = [1, 75, "2026-11-22T00:00:01.000000Z", "y", queue]
    row = ["q", "a", "x1", "ok", 60, at, "2026-11-22T00:00:01.000000Z", at, "l", "", "0", "", "", 0]
    moved, bad, claimed = FINISH(db, "w", 100, 100, 1, 1, *ask, *row)
    assert (moved, bad, len(claimed) - 1) == (1, [], taken)
    assert db.exists(keys.wake("q")) == token


@pytest.mark.parametrize(("path", "name", "asks"), [(JOBS, "later", {0}), (PATH, "noop", {1})])
def test_only_with_good_endings_jobs_are_taken(db, redis_url, monkeypatch, path, name, asks):
    """A full Redis still takes endings: jobs that put themselves off for it must not pull the next ones in."""
    asked, original = [], State.call

    async def heard(self, script, *args, **options):
        if script is self.scripts.finish:
            asked.append(args[4])  # of how many queues jobs are to be taken
        return await original(self, script, *args, **options)

    monkeypatch.setattr(State, "call", heard)
    add(db, *(job(name, f"j{n}", path, lane=f"l{n}") for n in range(4)))
    burst(redis_url)  # it has slots for all, and then no claim of its own under way
    assert set(asked) == asks


def test_pausing_and_suspending_hold_for_jobs_that_are_taken_with_endings(db, redis_url):
    """As for any claim."""

    async def scene():
        one = worker(redis_url)
        task = asyncio.create_task(one.main())
        await until(lambda: db.exists("begun"))
        db.sadd("rq:paused-queues", "q")
        db.set("go", 1)
        await until(lambda: db.zcard(keys.finished("q")))
        one.request_stop()
        await task

    add(db, job("concluding_when_told", "a", lane="l"), job("noop", "b", PATH, lane="l"))
    asyncio.run(scene())
    assert (state(db, "a"), state(db, "b")) == ("finished", "queued")


def test_a_job_that_is_over_is_let_go_at_once(db, redis_url):
    """Not when a search for garbage comes by: a hundred messages a second would keep megabytes."""
    add(db, *(job("noop", f"j{n}", PATH) for n in range(200)))
    gc.collect()
    gc.disable()
    try:
        burst(redis_url)
        assert sum(isinstance(one, Run) for one in gc.get_objects()) < 10
    finally:
        gc.enable()


def test_a_script_is_part_of_another_with_the_libraries_of_both():
    """Each once, those of the parts first."""
    whole = Script("common.conversations", "desk_read", lib=["common.queueing:lib"], parts=[DESK_READ])
    text = whole.source.decode()
    assert text.count("local K = {}") == 1
    assert text.index("local K = {}") < text.index("function PART.desk_read(ARGV)") < text.index("local function q_now")
