"""Whether this process can do its work now: Redis, its policy, and who works at the other end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from common.conversations import reads
from common.conversations.rows import NumberState
from common.messages import DEFAULT_TENANT
from common.queueing import keys as queue_keys

NOEVICTION = "noeviction"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `ok`, and what was seen."""

    name: str
    ok: bool
    seen: str

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "ok": self.ok, "seen": self.seen}


@dataclass(frozen=True, slots=True)
class Readiness:
    """`ready` when webhooks can be stored safely; `degraded` when nobody would answer them yet, or not from each
    number."""

    checks: tuple[Check, ...]
    workers: int
    numbers: tuple[Check, ...] = ()

    @property
    def ready(self) -> bool:
        return all(check.ok for check in self.checks)

    @property
    def state(self) -> str:
        answering = self.workers > 0 and all(check.ok for check in self.numbers)
        return "not ready" if not self.ready else "ready" if answering else "degraded"

    def as_json(self) -> dict[str, Any]:
        checks = [*self.checks, Check("workers", self.workers > 0, f"{self.workers} alive"), *self.numbers]
        return {"status": self.state, "checks": [check.as_json() for check in checks]}


def readiness(
    db: Redis, *, now: float, numbers: Sequence[str] = (), tenant: str = DEFAULT_TENANT, allow_eviction: bool = False
) -> Readiness:
    """Ask Redis in three round trips; `numbers` are the phone number ids that answers leave from."""
    try:
        memory: dict[str, Any] = db.info("memory")
        workers = live_workers(db)
        states = reads.states_of(db, tenant, numbers)
    except RedisError as error:
        return Readiness((Check("redis", ok=False, seen=type(error).__name__),), 0)
    policy = str(memory.get("maxmemory_policy", "unknown"))
    used, most = int(memory.get("used_memory", 0)), int(memory.get("maxmemory", 0))
    checks = (
        Check("redis", ok=True, seen="answers"),
        Check("maxmemory-policy", policy == NOEVICTION or allow_eviction, policy),
        Check("memory", used < most or not most, f"{used} of {most or 'unlimited'} bytes"),
    )
    return Readiness(checks, workers, tuple(_number(state, now) for state in states))


def _number(state: NumberState, now: float) -> Check:
    """Without Meta's reason: anybody may read this page, and the console tells it to those who can act."""
    rest = state.rests(now)
    seen = "refused by WhatsApp, see the console" if state.blocked else f"rests for {rest:.0f} s" if rest else "works"
    return Check(f"number {state.phone_number_id}", not state.blocked and not rest, seen)


def live_workers(db: Redis) -> int:
    """Workers whose key has not expired: RQ's set also names those that died without a word."""
    names = db.smembers(queue_keys.WORKERS)
    return int(db.exists(*names)) if names else 0
