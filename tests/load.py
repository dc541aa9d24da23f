"""Customers who write all the time, while something breaks."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from types import MappingProxyType, TracebackType
from typing import Any, Self

import requests
from redis import Redis

from common.conversations.commands import Desk
from common.graph.simulator.client import SimulatorClient
from common.messages import message_id
from common.store import keys
from common.store.vault import Vault
from tests.audit import Audit, Kept, Said, T, audit, codes_of, leftovers, new_code, unfinished
from tests.stack import SECRETS, Stack

SAYERS = 8  # threads; each speaks for customers of its own, who wait for one webhook before they write again


class Crowd:
    """Customers of one story; a message not taken by the webhook comes again by itself, as at Meta.

    Args:
        number: tells the crowds on one stack apart, 0 to 99.
        rate: messages a second, of all of them.
        duplicates: share of messages that Meta delivers twice.
    """

    def __init__(
        self, stack: Stack, number: int, *, contacts: int = 16, rate: float = 40, duplicates: float = 0.1,
        sayers: int = SAYERS,
    ) -> None:  # fmt: skip
        self.stack = stack
        self.said: list[Said] = []
        self.errors: list[BaseException] = []
        self._contacts = [f"5731{number:02d}{n:06d}" for n in range(contacts)]
        self._duplicates = duplicates
        self._stop = threading.Event()
        self._pause = sayers / rate
        self._threads = [
            threading.Thread(target=self._speak, args=(self._contacts[i::sayers], random.Random(i)), daemon=True)
            for i in range(min(sayers, contacts))
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hush()

    def hush(self) -> None:
        """Nobody writes any more."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def goes_on(self, messages: int = 20, *, seconds: float = 60) -> None:
        """Wait until that many more messages are answered."""
        seq = max((entry["seq"] for entry in self.stack.simulator.ledger()[-1:]), default=0)
        self.stack.wait_until(
            lambda: len(self.stack.simulator.ledger(since=seq)) >= messages, f"{messages} more answers", seconds=seconds
        )

    def writes(self, messages: int = 20) -> None:
        """Wait until that many more messages are written."""
        goal = len(self.said) + messages
        self.stack.wait_until(lambda: len(self.said) >= goal or self.errors, f"{messages} more messages")

    def audit(self, *, seconds: float = 60) -> Audit:
        """Hush, wait until all that was written is dealt with and nothing is under way, and look at everything."""
        self.hush()
        assert not self.errors, self.errors[:3]
        with self.stack.db() as db:
            settle(self.stack, db, self.said, seconds=seconds)
            return audit(db, self.stack.simulator.ledger(), self.said)

    def _speak(self, contacts: Sequence[str], rng: random.Random) -> None:
        with SimulatorClient(self.stack.simulator.base_url, timeout=60) as customer:
            due = time.monotonic() + rng.random() * self._pause
            while not self._stop.wait(max(0.0, due - time.monotonic())):
                due += self._pause
                try:
                    self.said.append(self._say(customer, rng.choice(contacts), rng))
                except (requests.RequestException, RuntimeError) as error:
                    self.errors.append(error)
                    return

    def _say(self, customer: SimulatorClient, wa_id: str, rng: random.Random) -> Said:
        code, at = new_code(), time.time()
        twice = int(rng.random() < self._duplicates)
        return Said(wa_id, code, str(customer.say(wa_id, f"nota {code}", duplicates=twice)["wamid"]), at)


def say(stack: Stack, wa_id: str, text: str = "nota", **more: Any) -> Said:
    """One message with a code; its webhook has answered when this returns."""
    code, at = new_code(), time.time()
    return Said(wa_id, code, stack.say(f"{text} {code}", wa_id, **more), at)


def desk_of(stack: Stack) -> Desk:
    """What the console acts through."""
    return Desk(stack.db(), Vault([SECRETS["ENCRYPTION_KEY"]]), transcript_days=90, region="CO")


def conversation_of(db: Redis, one: Said) -> str:
    """The conversation that a message belongs to."""
    return (db.hget(keys.message(T, message_id(one.wamid)), "conv") or b"").decode()  # type: ignore[union-attr]


def answered(stack: Stack, *said: Said) -> bool:
    """Each of them has been answered."""
    found = {code for entry in stack.simulator.ledger() for code in codes_of(entry)}
    return all(one.code in found for one in said)


def settle(
    stack: Stack, db: Any, said: Sequence[Said], *, seconds: float = 60, kept: Kept = MappingProxyType({})
) -> None:
    """Wait until every message is dealt with and nothing is under way; an audit tells what is not in time."""
    _wait(
        lambda: not unfinished(db, said[-50:], kept) and not leftovers(db) and not unfinished(db, said, kept), seconds
    )


def _wait(done: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not done() and time.monotonic() < until:
        time.sleep(0.1)


def audit_of(stack: Stack, *said: Said, seconds: float = 60) -> Audit:
    """The audit of single messages, once they are dealt with."""
    with stack.db() as db:
        settle(stack, db, said, seconds=seconds)
        return audit(db, stack.simulator.ledger(), said)
