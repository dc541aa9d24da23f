"""A fault story that leaves Relevo whole shares one with all others that do; the rest start their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.echo_model import EchoModel, running_model
from tests.stack import Stack

#: Short leases and waits, so that a dead process is noticed within a story; no limits but those a story sets.
QUICK = {
    "QUIET_SECONDS": "0", "WORKER_LEASE_SECONDS": "2", "SETTLE_SECONDS": "1", "GRAPH_TIMEOUT_SECONDS": "1.5",
    "TYPING_INDICATOR": "false", "NUMBER_MESSAGES_PER_SECOND": "1000", "PAIR_SECONDS": "0", "AI_TIMEOUT_SECONDS": "5",
    "AI_PATIENCE_SECONDS": "2",
    "ACCOUNT_PROBE_SECONDS": "1", "LOG_LEVEL": "WARNING",
}  # fmt: skip
GENEROUS = ("--number-rate", "100000", "--pair-burst", "100000")


@pytest.fixture
def new_stack(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Makes stacks (not yet started) and stops them at the end."""
    made: list[Stack] = []

    def make(**settings: str) -> Stack:
        made.append(Stack(tmp_path, **settings))
        return made[-1]

    yield make
    for stack in made:
        stack.stop()


@pytest.fixture(scope="session")
def model() -> Iterator[EchoModel]:
    """The echo model of all stories."""
    with running_model() as found:
        yield found


@pytest.fixture(scope="session")
def relevo(tmp_path_factory: pytest.TempPathFactory, model: EchoModel) -> Iterator[Stack]:
    """A running Relevo that asks `model`, shared by all stories that do not start their own.

    Its chats are shared as well: crowds and customers of a story are nobody else's.
    """
    stack = Stack(tmp_path_factory.mktemp("faults"), **(QUICK | model.settings()))
    try:
        yield stack.start(sim_flags=GENEROUS)
    finally:
        stack.stop()
