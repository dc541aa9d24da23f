"""Every fault story starts its own Relevo, or shares one with the stories of its file that leave it whole."""

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
    "RETRY_ATTEMPTS": "8",
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


@pytest.fixture(scope="module")
def model() -> Iterator[EchoModel]:
    """The echo model of a file's stories."""
    with running_model() as found:
        yield found


@pytest.fixture(scope="module")
def relevo(tmp_path_factory: pytest.TempPathFactory, model: EchoModel) -> Iterator[Stack]:
    """A running Relevo that asks `model`, shared by the stories of a file."""
    stack = Stack(tmp_path_factory.mktemp("faults"), **(QUICK | model.settings()))
    try:
        yield stack.start(sim_flags=GENEROUS)
    finally:
        stack.stop()
