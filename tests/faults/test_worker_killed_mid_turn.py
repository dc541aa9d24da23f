"""kill -9 of the worker at every step of a turn: the customer gets each answer, once."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.audit import leftovers
from tests.stack import Stack

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def relevo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All but a worker: each story brings two of its own."""
    stack = Stack(
        tmp_path_factory.mktemp("mid-turn"), WORKER_LEASE_SECONDS="1", SETTLE_SECONDS="1", GRAPH_TIMEOUT_SECONDS="1",
        QUIET_SECONDS="0",
    )  # fmt: skip
    try:
        yield stack.start("web", "scheduler")
    finally:
        stack.stop()


@pytest.mark.parametrize("step", [1, 2, 3, 4])
@pytest.mark.parametrize("side", ["before", "after"])
def test_an_answer_survives_a_worker_killed(relevo: Stack, side: str, step: int) -> None:
    """The first worker dies at the step; the second one finishes the turn; the next message is answered, too."""
    phone = f"5731960000{len(side)}{step}"
    relevo.launch("doomed", [sys.executable, "-m", "tests.faults.crashing_worker", side, str(step)])
    relevo.say("¿hacen envíos a Cali?", phone)
    assert relevo.processes.pop("doomed").wait(timeout=30) == -9
    relevo.run("worker")
    relevo.wait_until(lambda: len(relevo.answers(phone)) == 1, "the answer", seconds=30)
    relevo.say("¿cuánto demora?", phone)
    relevo.wait_until(lambda: len(relevo.answers(phone)) >= 2, "the second answer", seconds=30)
    with relevo.db() as db:
        relevo.wait_until(lambda: not leftovers(db), "nothing under way")
    assert len(relevo.answers(phone)) == 2
    relevo.kill("worker")
