"""The event-loop worker on RQ: claim, run, finish, all on leases (docs/decisions/0001)."""

from workers.engine.run import DeadJob
from workers.engine.worker import AsyncWorker

__all__ = ["AsyncWorker", "DeadJob"]
