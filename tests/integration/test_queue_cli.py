"""`relevo queues`: each command on a real Redis, as a person and as a script sees it."""

from __future__ import annotations

import time

import orjson
import pytest
from redis import Redis

from common import cli
from common.queueing import inspect, keys, manage, repeat
from common.queueing.cli import run
from common.queueing.job import JobSpec, enqueue_many
from common.queueing.repeat import Repeat
from common.queueing.states import NAMES

NOW = 1_795_000_000.0


@pytest.fixture
def say(db, capsys):
    """Run a command; its exit code and what it printed."""

    def call(*argv: str) -> tuple[int, str]:
        code = run(lambda: db, argv, now=NOW)
        return code, capsys.readouterr().out

    return call


def job(n: int | str, **more) -> JobSpec:
    return JobSpec(id=f"j{n}", queue="q", func="workers.jobs.answer", **more)


def add(db: Redis, *specs: JobSpec, now: float = NOW - 60) -> None:
    enqueue_many(db, specs, now=now)


def fail(db: Redis, *ids: str, ended: str = "2026-11-18T00:00:00.000000Z") -> None:
    for job_id in ids:
        db.lrem(keys.queue("q"), 1, job_id)
        db.hset(keys.job(job_id), mapping={"status": "failed", "ended_at": ended, "error": "ChannelError: down"})
        db.zadd(keys.failed("q"), {job_id: time.time() + 600})


def test_counts_are_a_table_or_json(db, say):
    """For eyes, and for scripts."""
    add(db, job(1), job(2, lane="a"), job(3, lane="a"))
    manage.pause(db, "q")
    code, text = say("counts")
    assert code == 0
    assert text.splitlines()[0].split() == ["queue", *NAMES, "oldest_s"]
    assert text.splitlines()[1].split() == ["q", "0", "0", "0", "0", "0", "1", "2", "60.0"]
    assert orjson.loads(say("--json", "counts")[1])[0]["paused"] == 2


def test_jobs_and_one_of_them_are_shown(db, say):
    """A page, then all of one."""
    add(db, job(1, kwargs={"tenant": "t"}), job(2))
    assert [line.split()[0] for line in say("jobs", "q", "queued", "--limit", "1")[1].splitlines()] == ["id", "j1"]
    shown = orjson.loads(say("--json", "show", "j1")[1])
    assert shown["kwargs"] == {"tenant": "t"}
    assert "tenant" in say("show", "j1")[1]


def test_actions_say_what_they_did(db, say):
    """And nothing to do is exit code 1."""
    add(db, job(1), job(2), job(3, due=time.time() + 99))
    fail(db, "j1", "j2")
    assert say("retry", "j1") == (0, "queued again\n")
    assert say("retry-all", "q") == (0, "1 jobs queued again\n")
    assert say("promote", "j3") == (0, "queued\n")
    assert say("delete", "j3") == (0, "deleted\n")
    for command in ("retry", "promote", "delete", "show", "run-now"):
        assert say(command, "nobody")[0] == 1
    say("pause", "q")
    assert manage.paused(db) == {"q"}
    say("resume", "q")
    assert manage.paused(db) == set()


def test_empty_takes_what_waits_lanes_and_all(db, say):
    """Scheduled jobs stay."""
    add(db, *(job(n, lane=f"l{n % 7}") for n in range(700)), job("x"), job("later", due=time.time() + 99))
    assert say("empty", "q") == (0, "701 waiting jobs deleted\n")
    counts = inspect.counts(db, ["q"])["q"]
    assert (counts["queued"], counts["deferred"], counts["scheduled"]) == (0, 0, 1)
    assert not list(db.scan_iter("rq:lane:*"))


def test_clean_takes_old_jobs_of_one_state(db, say):
    """By age and limit; young ones stay, running ones are refused."""
    add(db, *(job(n) for n in range(450)))
    fail(db, *(f"j{n}" for n in range(430)))
    fail(db, *(f"j{n}" for n in range(430, 450)), ended="2099-01-01T00:00:00.000000Z")
    assert say("clean", "q", "failed", "--older", "60", "--limit", "30") == (0, "30 jobs deleted\n")
    assert say("clean", "q", "failed", "--older", "60") == (0, "400 jobs deleted\n")
    assert db.zcard(keys.failed("q")) == 20
    assert say("clean", "q", "started")[0] == 2
    assert say("clean", "q", "nowhere")[0] == 2


def test_failed_jobs_of_one_error_run_again(db, say):
    """By what `errors` shows, whatever numbers their errors have; or by how the error begins."""
    add(db, *(job(n) for n in range(6)))
    fail(db, *(f"j{n}" for n in range(6)))
    for n in range(4):
        db.hset(keys.job(f"j{n}"), "error", f"GraphError: code 13{n} for wamid abcdef01{n}")
    groups = orjson.loads(say("--json", "errors", "q")[1])
    assert [(group["error"], group["count"]) for group in groups] == [
        ("GraphError: code # for wamid #", 4), ("ChannelError: down", 2),
    ]  # fmt: skip
    assert say("retry-all", "q", "--error", groups[0]["error"]) == (0, "4 jobs queued again\n")
    assert say("retry-all", "q", "--error", "ChannelError", "--limit", "1") == (0, "1 jobs queued again\n")
    assert db.zcard(keys.failed("q")) == 1


def test_draining_waits_for_what_runs(db, say):
    """When it does not end in time, nothing is deleted; the queue is served again afterwards."""
    add(db, job(1), job(2))
    db.zadd(keys.wip("q"), {"j9:e": NOW})
    assert say("drain", "q", "--wait", "0.1")[0] == 2
    db.delete(keys.wip("q"))
    assert say("drain", "q") == (0, "2 waiting jobs deleted\n")
    assert manage.paused(db) == set()


def test_all_queues_pause_at_once(db, say):
    """RQ's own mark, which its workers obey, too; a queue paused by itself stays so."""
    add(db, job(1))
    say("pause", "q")
    say("pause", "all")
    assert db.exists("rq:suspended")
    assert orjson.loads(say("--json", "counts")[1])[0]["paused"] == 1
    say("resume", "all")
    assert not db.exists("rq:suspended")
    assert manage.paused(db) == {"q"}


def test_states_have_the_names_people_use(db, say):
    """RQ's own are understood, too."""
    add(db, job(1), job(2, due=time.time() + 99))
    assert "j1" in say("jobs", "q", "waiting")[1]
    assert "j2" in say("jobs", "q", "delayed")[1]
    assert "j2" in say("jobs", "q", "scheduled")[1]


def test_workers_are_listed_and_told_to_stop(db, capsys):
    """Over RQ's command channel; a name that is none is exit code 1."""
    assert cli.run(lambda: db, ["workers", "stop", "w1"], now=NOW) == 1
    db.sadd(keys.WORKERS, keys.worker("w1"))
    db.hset(keys.worker("w1"), mapping={"birth": "2026-11-22T00:00:00Z", "queues": "q", "pid": 1})
    with db.pubsub() as pubsub:
        pubsub.subscribe("rq:pubsub:w1")
        assert pubsub.get_message(timeout=1)["type"] == "subscribe"
        assert cli.run(lambda: db, ["workers", "stop", "w1"], now=NOW) == 0
        assert orjson.loads(pubsub.get_message(timeout=1)["data"])["command"] == "shutdown"
    assert cli.run(lambda: db, ["workers", "list"], now=NOW) == 0
    assert "w1" in capsys.readouterr().out
    assert cli.run(lambda: db, ["queues", "counts"], now=NOW) == 0
    assert cli.run(lambda: db, [], now=NOW) == 2


def test_repeats_are_listed_and_run(db, say):
    """Schedule, zone and next time."""
    repeat.add(db, Repeat(id="nightly", queue="q", func="f.g", cron="0 3 * * *", zone="America/Bogota"), now=NOW)
    assert "America/Bogota" in say("repeats")[1]
    assert say("run-now", "nightly")[1].startswith("nightly-now-")
    assert say("events", "q")[1] == "none\n"
