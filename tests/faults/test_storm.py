"""1,000 messages of 100 contacts, one in ten sent twice, the worker killed three times: each answered once, in order.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.audit import leftovers
from tests.echo_model import echo_model
from tests.stack import Stack

pytestmark = pytest.mark.flow

CONTACTS, EACH, KILLS = 100, 10, 3
WORDS = "uno dos tres cuatro cinco seis siete ocho nueve diez".split()


def converse(stack: Stack, contact: int, rng: random.Random) -> None:
    """One contact writes EACH messages, each acknowledged before the next; one in ten is delivered twice."""
    for word in WORDS[:EACH]:
        stack.say(f"mensaje {word}", f"5730{contact:08d}", duplicates=int(rng.random() < 0.1))


@pytest.mark.timeout(300)
def test_a_storm_with_kills_loses_doubles_and_reorders_nothing(new_stack: Callable[..., Stack]) -> None:
    """Each message is answered exactly once (QUIET_SECONDS=0: one turn each), in the order it was written."""
    with echo_model() as url:
        stack = new_stack(
            QUIET_SECONDS="0", WORKER_LEASE_SECONDS="2", SETTLE_SECONDS="2", TYPING_INDICATOR="false",
            NUMBER_MESSAGES_PER_SECOND="1000", AI_PROVIDER="openai", OPENAI_BASE_URL=url, OPENAI_API_KEY="echo",
        )  # fmt: skip
        stack.start(sim_flags=("--number-rate", "100000", "--pair-burst", "100000"))
        with ThreadPoolExecutor(8) as pool:
            sending = [pool.submit(converse, stack, n, random.Random(n)) for n in range(CONTACTS)]
            for kill in range(KILLS):
                goal = (kill + 1) * CONTACTS * EACH // (KILLS + 2)
                stack.wait_until(lambda goal=goal: len(stack.simulator.ledger()) > goal, "progress", seconds=120)
                stack.kill("worker")
                stack.run("worker")
            for one in sending:
                one.result()
        stack.wait_until(lambda: len(stack.simulator.ledger()) >= CONTACTS * EACH, "all answers", seconds=120)
        with stack.db() as db:
            stack.wait_until(lambda: not leftovers(db), "nothing under way that could answer again", seconds=60)
        got = defaultdict(list)
        for entry in stack.simulator.ledger():
            match = re.search(r"eco: mensaje (\w+)", entry["body"]["text"]["body"])
            got[entry["to"]].append(match[1] if match else entry["body"])
    assert {contact: words for contact, words in got.items() if words != WORDS[:EACH]} == {}
    assert len(got) == CONTACTS
