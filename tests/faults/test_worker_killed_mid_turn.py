"""kill -9 of the worker at every step of a turn: the customer gets each answer, once."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from tests.stack import Stack

pytestmark = pytest.mark.flow


@pytest.mark.parametrize("step", [1, 2, 3, 4])
@pytest.mark.parametrize("side", ["before", "after"])
def test_an_answer_survives_a_worker_killed(new_stack: Callable[..., Stack], side: str, step: int) -> None:
    """The first worker dies at the step; the second one finishes the turn; the next message is answered, too."""
    stack = new_stack(WORKER_LEASE_SECONDS="1", SETTLE_SECONDS="1", GRAPH_TIMEOUT_SECONDS="1", QUIET_SECONDS="0")
    stack.start("web", "scheduler")
    stack.launch("doomed", [sys.executable, "-m", "tests.faults.crashing_worker", side, str(step)])
    stack.say("¿hacen envíos a Cali?")
    assert stack.processes.pop("doomed").wait(timeout=30) == -9
    stack.run("worker")
    stack.wait_until(lambda: len(stack.answers()) == 1, "the answer", seconds=30)
    stack.say("¿cuánto demora?")
    stack.wait_until(lambda: len(stack.answers()) >= 2, "the second answer", seconds=30)
    assert len(stack.answers()) == 2
