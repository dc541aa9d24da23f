"""Processes that die or are told to go while customers write: nobody's message is lost, doubled or out of order."""

from __future__ import annotations

import pytest

from tests.faults.breaking import kill_tree, run_web, terminate
from tests.load import Crowd
from tests.stack import Stack

pytestmark = pytest.mark.flow


def test_a_web_killed_twice_loses_no_message(relevo: Stack) -> None:
    """kill -9 within requests: what had no 200 comes again; stored before its 200 left, it is not answered twice."""
    with Crowd(relevo, 41) as crowd:
        for _ in range(2):
            crowd.goes_on(20)
            kill_tree(relevo, "web")
            run_web(relevo)
        crowd.goes_on(30)
        found = crowd.audit().assert_clean()
    print("FAULT web kill -9:", found.line())


def test_a_web_told_to_stop_ends_its_requests_first(relevo: Stack) -> None:
    """SIGTERM under load: exit code 0, and all is answered."""
    with Crowd(relevo, 42) as crowd:
        crowd.goes_on(30)
        assert terminate(relevo, "web") == 0
        run_web(relevo)
        found = crowd.audit().assert_clean()
    print("FAULT web SIGTERM:", found.line())


def test_a_worker_told_to_stop_ends_its_turns_first(relevo: Stack) -> None:
    """SIGTERM under load, twice, as a deployment does: exit code 0, and the next worker goes on at once."""
    with Crowd(relevo, 43) as crowd:
        for _ in range(2):
            crowd.goes_on(30)
            assert terminate(relevo, "worker") == 0
            relevo.run("worker")
        found = crowd.audit().assert_clean()
    print("FAULT worker SIGTERM:", found.line())


def test_two_workers_killed_in_turn_stand_in_for_each_other(relevo: Stack) -> None:
    """kill -9 of one of two workers, three times: its customers wait for a lease, nobody else waits."""
    relevo.run("worker", as_name="second")
    with Crowd(relevo, 44) as crowd:
        for name in ("worker", "second", "worker"):
            crowd.goes_on(30)
            relevo.kill(name)
            relevo.run("worker", as_name=name)
        found = crowd.audit().assert_clean()
    assert terminate(relevo, "second") == 0
    print("FAULT worker kill -9:", found.line())


def test_a_scheduler_killed_and_two_at_once_delay_and_double_nothing(relevo: Stack) -> None:
    """Retries wait for the scheduler: one is killed, two run, the first of them is killed, too."""
    relevo.simulator.add_fault("500", every=4)
    try:
        with Crowd(relevo, 45) as crowd:
            crowd.goes_on(20)
            relevo.kill("scheduler")
            crowd.writes(20)
            relevo.run("scheduler")
            relevo.run("scheduler", as_name="twin")
            crowd.goes_on(40)
            relevo.kill("scheduler")
            crowd.goes_on(40)
            relevo.run("scheduler")
            relevo.simulator.clear_faults()
            found = crowd.audit().assert_clean()
    finally:
        relevo.simulator.clear_faults()
        terminate(relevo, "twin")
    print("FAULT scheduler kill -9, two schedulers:", found.line())
