"""A running Relevo for the stories of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """web, worker, scheduler, Redis and the simulator; shared by the stories of a module."""
    running = Stack(tmp_path_factory.mktemp("flow"))
    try:
        yield running.start()
    finally:
        running.stop()
