"""Redis that dies, freezes, fills up, or cannot be reached: what was acknowledged is answered, once and in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.echo_model import EchoModel
from tests.faults.breaking import Cable, stopped
from tests.faults.conftest import GENEROUS, QUICK
from tests.load import Crowd, audit_of, say
from tests.stack import Stack

pytestmark = pytest.mark.flow


def _settings(model: EchoModel) -> dict[str, str]:
    """Two attempts a job: an outage of Redis that spent them would show."""
    return QUICK | model.settings() | {"RETRY_ATTEMPTS": "2"}


@pytest.fixture(scope="module")
def relevo(tmp_path_factory: pytest.TempPathFactory, model: EchoModel) -> Iterator[Stack]:
    """A running Relevo whose stories break its Redis."""
    stack = Stack(tmp_path_factory.mktemp("redis-fails"), **_settings(model))
    try:
        yield stack.start(sim_flags=GENEROUS)
    finally:
        stack.stop()


@pytest.fixture(scope="module", params=["everysec", "always"])
def durable(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, model: EchoModel
) -> Iterator[Stack]:
    """A running Relevo whose Redis writes its append-only file every second, or at every write."""
    folder = tmp_path_factory.mktemp(f"aof-{request.param}")
    stack = Stack(folder, aof=request.param, **_settings(model))
    try:
        yield stack.start(sim_flags=GENEROUS)
    finally:
        stack.stop()


def test_a_killed_redis_comes_back_with_all_that_was_acknowledged(durable: Stack) -> None:
    """kill -9 and restart from the append-only file, twice, under load; no process of Relevo is restarted."""
    with Crowd(durable, 1) as crowd:
        for _ in range(2):
            crowd.goes_on(30)
            durable.redis.kill()
            crowd.writes(8)  # nobody can store these: they come again
            durable.redis.start()
        crowd.goes_on(30)
        found = crowd.audit().assert_clean()
    assert found.to_a_person == 0
    assert {name: process.poll() for name, process in durable.processes.items()} == dict.fromkeys(durable.processes)
    print("FAULT redis kill -9,", durable.redis.args[3], ":", found.line())


def test_an_acceptance_that_could_not_be_written_down_is_not_forgotten(relevo: Stack) -> None:
    """Redis dies between post and settling for longer than the settle time, and statuses come late."""
    meta = relevo.simulator
    late = meta.settings(sent_seconds=9.0, delivered_seconds=9.1, read_seconds=9.2, jitter=0.0)
    meta.add_fault("slow", always=True)
    said = [say(relevo, f"57314900000{n}") for n in range(6)]
    relevo.wait_until(lambda: all(relevo.answers(one.wa_id) for one in said), "the posts")
    relevo.redis.kill()
    threading.Event().wait(3)  # longer than settle time and time-out
    relevo.redis.start()
    try:
        found = audit_of(relevo, *said).assert_clean()
    finally:
        meta.clear_faults()
        meta.settings(**late | {"sent_seconds": 0.05, "delivered_seconds": 0.15, "read_seconds": 1.0, "jitter": 0.3})
    print("FAULT redis killed between post and settling:", found.line())


def test_a_redis_frozen_for_longer_than_every_lease_doubles_nothing(relevo: Stack) -> None:
    """SIGSTOP for 10 s, leases of 2 s, reads give up after 5: on waking, every execution is a zombie or goes on."""
    with Crowd(relevo, 2) as crowd:
        crowd.goes_on(30)
        with stopped(relevo.redis.process):
            threading.Event().wait(10)  # the frozen time itself
        crowd.goes_on(30)
        found = crowd.audit().assert_clean()
    assert found.to_a_person == 0
    print("FAULT redis SIGSTOP 10 s:", found.line())


def test_a_full_redis_refuses_at_the_door_and_answers_all_when_there_is_room(relevo: Stack, model: EchoModel) -> None:
    """maxmemory is reached while answers are made: webhooks get 503 and come again; no attempt is lost meanwhile."""
    model.mode, model.seconds = "slow", 0.5
    with Crowd(relevo, 3) as crowd, relevo.db() as db:
        crowd.goes_on(30)
        db.config_set("maxmemory", 1_000_000)
        refused = relevo.simulator.health()["counters"]["refused"]
        relevo.wait_until(lambda: relevo.simulator.health()["counters"]["refused"] > refused + 10, "refusals")
        assert requests.get(f"{relevo.web_url}/healthz", timeout=5).ok
        threading.Event().wait(2)  # time enough for both attempts of a job to be spent, were they spent
        db.config_set("maxmemory", 0)
        model.mode = "ok"
        crowd.goes_on(30)
        found = crowd.audit().assert_clean()
    assert found.to_a_person == 0
    print("FAULT redis full:", found.line())


def test_a_cable_cut_ten_times_between_worker_and_redis_costs_no_message(relevo: Stack) -> None:
    """Every connection is reset within turns, no outcome of a call is known: nothing is done twice."""
    relevo.kill("worker")
    cable = Cable(relevo.redis.port)
    relevo.run("worker", REDIS_URL=cable.url)
    try:
        with Crowd(relevo, 4, rate=60) as crowd:
            for n in range(10):
                crowd.goes_on(5)
                cable.cut(0.05 + (n % 4) * 0.05)
            found = crowd.audit().assert_clean()
    finally:
        relevo.kill("worker")
        cable.close()
        relevo.run("worker")
    assert found.to_a_person == 0
    print("FAULT cable cut 10 times:", found.line())


def test_a_redis_that_forgets_its_scripts_is_told_them_again(relevo: Stack) -> None:
    """SCRIPT FLUSH, ten times under load."""
    with Crowd(relevo, 5, rate=60) as crowd, relevo.db() as db:
        for _ in range(10):
            crowd.goes_on(5)
            db.script_flush()
        found = crowd.audit().assert_clean()
    print("FAULT script flush:", found.line())


def test_a_worker_that_starts_before_its_redis_waits_for_it(
    new_stack: Callable[..., Stack], model: EchoModel
) -> None:
    """Everything is started while Redis is away; it answers as soon as Redis is there."""
    stack = new_stack(**(QUICK | model.settings()))
    stack.start("web", sim_flags=GENEROUS)
    stack.redis.kill()
    stack.run("worker")
    stack.run("scheduler")
    one = say(stack, "573150000001")
    stack.redis.start()
    audit_of(stack, one).assert_clean()
