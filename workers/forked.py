"""What a job's own process does first, under `python -m workers --forking`."""

from __future__ import annotations

from common import logs
from common.settings import load


def prepare() -> None:
    """Logs, as its worker has them. Its module must not be `__main__`: processes find it by name."""
    settings = load()
    logs.configure("worker", level=settings.log_level, fmt=settings.log_format)
