"""Redis comes back without the last second that it had confirmed: those who were told so tell it again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import orjson
import pytest

from tests.audit import Audit
from tests.echo_model import EchoModel
from tests.faults.conftest import GENEROUS, QUICK
from tests.load import Crowd
from tests.stack import Stack

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory, model: EchoModel) -> Iterator[Stack]:
    """A running Relevo with two workers: whoever gets a forgotten job may be the other one."""
    stack = Stack(tmp_path_factory.mktemp("forgets"), aof="everysec", **(QUICK | model.settings()))
    try:
        stack.start(sim_flags=GENEROUS)
        stack.run("worker", as_name="worker2")
        yield stack
    finally:
        stack.stop()


def news(stack: Stack, name: str) -> int:
    """How many calls a process has told Redis of that it did not know."""
    lines = (stack.folder / f"{name}.log").read_bytes().splitlines()
    return sum(orjson.loads(line)["news_to_it"] for line in lines if b'"news_to_it"' in line)


def whole(stack: Stack, found: Audit, name: str) -> None:
    assert found.to_a_person == 0
    assert {name: process.poll() for name, process in stack.processes.items()} == dict.fromkeys(stack.processes)
    print(f"FAULT redis forgets {name}:", found.line())


def test_webhooks_that_redis_confirmed_and_forgot_are_answered(workers: Stack, model: EchoModel) -> None:
    """Thirty messages of one second, of which nothing is left, before anybody has answered them; twice."""
    before = news(workers, "web")
    with Crowd(workers, 1) as crowd:
        for _ in range(2):
            crowd.goes_on(20)
            kept = workers.redis.copy()
            model.hold()
            crowd.writes(30)
            workers.redis.forget(kept)
            model.let_go()
        crowd.goes_on(30)
        found = crowd.audit().assert_clean()
    assert news(workers, "web") - before > 40  # some had not had their 200
    whole(workers, found, "webhooks")


def test_bubbles_that_left_do_not_leave_again(workers: Stack, model: EchoModel) -> None:
    """Redis knows the messages, and nothing of their answers: decisions, acceptances, statuses, ends of jobs; twice."""
    with Crowd(workers, 2) as crowd:
        for _ in range(2):
            crowd.goes_on(20)
            model.hold()
            crowd.writes(30)
            kept = workers.redis.copy()
            model.let_go()
            crowd.goes_on(40)
            workers.redis.forget(kept)
        crowd.goes_on(30)
        found = crowd.audit().assert_clean()
    whole(workers, found, "answers")


def test_posts_under_way_as_redis_forgets_them_are_not_made_again(workers: Stack) -> None:
    """Graph answers late: nobody knows yet that it accepted, and whoever gets the job may not post it."""
    workers.simulator.add_fault("slow", every=2)
    try:
        with Crowd(workers, 3) as crowd:
            for _ in range(2):
                crowd.goes_on(20)
                kept = workers.redis.copy()
                crowd.goes_on(30)
                workers.redis.forget(kept)
            crowd.goes_on(30)
            found = crowd.audit().assert_clean()
    finally:
        workers.simulator.clear_faults()
    whole(workers, found, "posts under way")


def test_conversations_that_were_forgotten_from_their_first_message_on_are_answered_once(workers: Stack) -> None:
    """Customers whom Redis has never seen, as far as it knows; they go on writing meanwhile."""
    kept = workers.redis.copy()
    with Crowd(workers, 4, contacts=40) as crowd:
        crowd.goes_on(60)
        workers.redis.forget(kept)
        crowd.goes_on(30)
        found = crowd.audit().assert_clean()
    whole(workers, found, "whole conversations")


def test_workers_that_die_with_what_they_knew_send_nothing_again(workers: Stack) -> None:
    """Meta's statuses came before: the web process tells them again, and they say what was accepted."""
    kept = workers.redis.copy()
    with Crowd(workers, 5) as crowd:
        crowd.goes_on(30)
        crowd.hush()
        threading.Event().wait(1.0)  # the statuses of the last answers
        workers.redis.kill()
        for name in [name for name in workers.processes if name.startswith("worker")]:
            workers.kill(name)
            workers.run("worker", as_name=name)
        workers.redis.forget(kept)
        found = crowd.audit().assert_clean()
    whole(workers, found, "and workers die")


def test_bursts_that_were_forgotten_are_the_same_turns_again(
    new_stack: Callable[..., Stack], model: EchoModel
) -> None:
    """A few customers who write all the time, with a quiet time: whatever a turn took in, nothing is answered twice,
    and what came after it is not taken for answered."""
    stack = new_stack(aof="everysec", **(QUICK | model.settings() | {"QUIET_SECONDS": "0.2"}))
    stack.start(sim_flags=GENEROUS)
    with Crowd(stack, 6, contacts=8, rate=30) as crowd:
        for _ in range(4):
            crowd.goes_on(10)
            kept = stack.redis.copy()
            crowd.goes_on(12)
            stack.redis.forget(kept)
        crowd.goes_on(10)
        found = crowd.audit().assert_clean()
    whole(stack, found, "bursts")
