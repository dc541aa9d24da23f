"""Every fault story starts its own Relevo: what it breaks, nobody else needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stack import Stack


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
