"""What goes wrong in a soak: one random fault at a time, each repaired again before the next."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from tests.echo_model import EchoModel
from tests.faults.breaking import forget, kill_tree, run_web, stopped, terminate
from tests.stack import Stack

GRAPH = (
    "130429", "429", "131056", "500", "503", "html502", "504", "190", "reset", "reset_after", "hang", "hang_before",
    "garbage", "slow", "trickle", "fail_async", "131026",
)  # fmt: skip
MODEL = ("slow", "429", "500", "garbage", "empty", "huge", "down")
WORKERS = ("worker", "second")

Card = TypeVar("Card")


class Deck(Generic[Card]):
    """Deals all its cards in random order, and again: nothing is left out for long."""

    def __init__(self, cards: Sequence[Card], rng: random.Random) -> None:
        self._cards, self._rng = cards, rng
        self._left: list[Card] = []

    def deal(self) -> Card:
        if not self._left:
            self._left = self._rng.sample(self._cards, len(self._cards))
        return self._left.pop()


class Breaker:
    """Breaks `stack` and `model`; `done` counts faults by kind."""

    def __init__(self, stack: Stack, model: EchoModel, rng: random.Random) -> None:
        self._stack, self._model, self._rng = stack, model, rng
        self.done: Counter[str] = Counter()
        kinds: tuple[Callable[[], str], ...] = (
            self._kill_worker, self._stop_worker, self._kill_web, self._kill_scheduler, self._kill_redis,
            self._freeze_redis, self._forget, self._break_graph, self._break_graph, self._break_graph,
            self._stop_graph, self._break_model, self._break_model, self._repeat, self._disorder,
        )  # fmt: skip
        self._kinds = Deck(kinds, rng)
        self._presets = Deck(GRAPH, rng)
        self._modes = Deck(MODEL, rng)

    def strike(self) -> str:
        """One random fault; returns which, once it is over (what it left to do may take longer)."""
        name = self._kinds.deal()()
        self.done[name] += 1
        return name

    def _kill_worker(self) -> str:
        name = self._rng.choice(WORKERS)
        self._stack.kill(name)
        self._stack.run("worker", as_name=name)
        return "worker kill -9"

    def _stop_worker(self) -> str:
        name = self._rng.choice(WORKERS)
        terminate(self._stack, name)
        self._stack.run("worker", as_name=name)
        return "worker SIGTERM"

    def _kill_web(self) -> str:
        kill_tree(self._stack, "web")
        run_web(self._stack)
        return "web kill -9"

    def _kill_scheduler(self) -> str:
        self._stack.kill("scheduler")
        self._stack.run("scheduler")
        return "scheduler kill -9"

    def _kill_redis(self) -> str:
        self._stack.redis.kill()
        _for(self._rng.uniform(0.1, 1.0))
        self._stack.redis.start()
        return "redis kill -9"

    def _freeze_redis(self) -> str:
        with stopped(self._stack.redis.process):
            _for(2.0)
        return "redis SIGSTOP 2 s"

    def _forget(self) -> str:
        """`appendfsync always` does not save it: it is as if a replica took over that was behind."""
        forget(self._stack, self._rng.uniform(0.3, 1.0))
        _for(2.0)  # those who know what it forgot live until they have told it
        return "redis forgets a second"

    def _break_graph(self) -> str:
        preset = self._presets.deal()
        rule = {"code": 131026} if preset == "131026" else {"preset": preset}
        self._stack.simulator.add_fault(**rule, every=self._rng.choice((5, 10, 20)))
        _for(2.0)
        self._stack.simulator.clear_faults()
        return f"graph {preset}"

    def _stop_graph(self) -> str:
        self._stack.simulator.add_fault("503", always=True)
        _for(1.0)
        self._stack.simulator.clear_faults()
        return "graph down 1 s"

    def _break_model(self) -> str:
        mode = self._modes.deal()
        self._model.mode, self._model.seconds = mode, 0.8
        _for(1.0)
        self._model.mode = "ok"
        return f"model {mode}"

    def _repeat(self) -> str:
        self._stack.simulator.settings(duplicates=0.5)
        _for(3.0)
        self._stack.simulator.settings(duplicates=0.0)
        return "webhooks twice"

    def _disorder(self) -> str:
        self._stack.simulator.settings(shuffle=0.5, skip_delivered=0.5)
        _for(3.0)
        self._stack.simulator.settings(shuffle=0.0, skip_delivered=0.0)
        return "statuses shuffled, missing"


def _for(seconds: float) -> None:
    """How long a fault lasts."""
    threading.Event().wait(seconds)
