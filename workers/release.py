"""The release check: `python -m workers.release`. Settings and Redis, one line each; exit code 1 when one is wrong."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from common.settings import Settings, load
from common.store.connection import connect
from workers import cron
from workers.engine.startup import wait_for_redis

OLDEST = (6, 2)
PATIENCE = 30.0  # seconds for a Redis that starts together with us


def judge(server: Mapping[str, Any], policy: str | None, *, allow_eviction: bool) -> Iterator[tuple[str, str]]:
    """Findings as (ok | warn | bad, line).

    Args:
        server: INFO of the server and persistence sections.
        policy: maxmemory-policy; None when the server does not tell.
        allow_eviction: REDIS_ALLOW_EVICTION.
    """
    version = str(server.get("redis_version", "0"))
    parts = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if parts < OLDEST:
        yield "bad", f"Redis {version} is too old: 6.2 or newer is needed"
    else:
        yield "ok", f"Redis {version}"
    if policy == "noeviction":
        yield "ok", "maxmemory-policy noeviction"
    elif policy is None:
        yield "warn", "maxmemory-policy cannot be read here: make sure it is noeviction, or a full Redis drops jobs"
    elif allow_eviction:
        yield "warn", f"maxmemory-policy {policy}: a full Redis drops jobs and chats (REDIS_ALLOW_EVICTION is set)"
    else:
        yield "bad", f"maxmemory-policy {policy}: a full Redis would drop jobs and chats; set it to noeviction"
    if server.get("aof_enabled"):
        yield "ok", "append-only file on"
    else:
        yield "warn", "append-only file off: a crash of Redis loses what came since its last snapshot"


def policy_of(db: Redis) -> str | None:
    """The server's maxmemory-policy; managed servers may refuse CONFIG, INFO still tells."""
    told: Any = db.info("memory").get("maxmemory_policy")
    if told:
        return str(told)
    try:
        found: Any = db.config_get("maxmemory-policy")
    except RedisError:
        return None
    return str(found["maxmemory-policy"]) if found else None


def check(settings: Settings) -> bool:
    """Print every finding, and register the cron table; whether the processes may start."""
    db = connect(settings)
    wait_for_redis(db, most=PATIENCE)
    server: Any = {**db.info("server"), **db.info("persistence")}
    good = True
    for kind, line in judge(server, policy_of(db), allow_eviction=settings.redis_allow_eviction):
        print(f"relevo: {kind:4} {line}", file=sys.stdout if kind == "ok" else sys.stderr)
        good = good and kind != "bad"
    if good:
        cron.register(db, now=time.time())
        print(f"relevo: ok   cron table registered: {', '.join(entry.id for entry in cron.TABLE)}")
    return good


def main() -> None:
    """Composition root."""
    sys.exit(0 if check(load()) else 1)


if __name__ == "__main__":
    main()
