"""A primary that dies under load: the sentinels name its replica, and no acknowledged message is lost."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.echo_model import EchoModel
from tests.faults.conftest import GENEROUS, QUICK
from tests.faults.sentinels import ReplicatedStack
from tests.load import Crowd

pytestmark = pytest.mark.flow


@pytest.mark.timeout(150)
@pytest.mark.parametrize("replicas", ["1", "0"])
def test_a_fail_over_loses_and_doubles_nothing_that_was_acknowledged(
    tmp_path: Path, model: EchoModel, replicas: str
) -> None:
    """kill -9 of the primary; it comes back as a replica; no process is restarted. What the replica did not have yet,
    where nothing waits for it, it is told."""
    stack = ReplicatedStack(tmp_path, **(QUICK | model.settings() | {"REDIS_ACK_REPLICAS": replicas}))
    try:
        stack.start(sim_flags=GENEROUS)
        with Crowd(stack, 1) as crowd:
            crowd.goes_on(20)
            before = stack.redis
            assert stack.primary() is before
            dead = time.monotonic()
            before.kill()
            stack.wait_until(lambda: stack.primary() is stack.replica, "another primary")
            named = time.monotonic() - dead
            before.start()
            crowd.goes_on(5)
            recovered = time.monotonic() - dead
            crowd.goes_on(20)
            found = crowd.audit().assert_clean()
        assert {name: process.poll() for name, process in stack.processes.items()} == dict.fromkeys(stack.processes)
    finally:
        stack.stop()
    took = f"new primary after {named:.1f} s, answers after {recovered:.1f} s"
    print(f"FAULT fail-over, REDIS_ACK_REPLICAS={replicas}: {took}:", found.line())
