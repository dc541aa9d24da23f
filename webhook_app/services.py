"""What the routes work with; put together by `webhook_app.wiring`, or by a test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from redis import Redis

import common
from common.clock import Clock, SystemClock
from common.messages import Update
from common.settings import Settings

#: Pictures of the sample shop's products, shipped with the package.
SAMPLE_IMAGES = Path(common.__file__).parent / "sample" / "images"


class Acceptance(Protocol):
    """What became of the updates of one POST."""

    @property
    def stored(self) -> int: ...
    @property
    def duplicates(self) -> int: ...
    @property
    def statuses(self) -> int: ...
    @property
    def other(self) -> int: ...


class Ingest(Protocol):
    """Stores updates before Meta gets its 200; raises StoreUnavailable."""

    def accept(self, updates: Sequence[Update], *, now: float) -> Acceptance: ...


@dataclass(frozen=True, slots=True)
class Services:
    """Settings, the store, the door in, the clock."""

    settings: Settings
    db: Redis
    ingest: Ingest
    clock: Clock = field(default_factory=SystemClock)
    images: Path = SAMPLE_IMAGES
