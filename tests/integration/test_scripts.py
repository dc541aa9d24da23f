"""Scripts in a batch keep their order, whatever Redis has forgotten."""

from __future__ import annotations

import asyncio
import hashlib

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from common.store import keys
from common.store.scripts import Call, Script, lua_keys, run_batch, run_batch_async


def script(source: str) -> Script:
    made = Script.__new__(Script)
    made.name, made.source = "append", source.encode()
    made.sha = hashlib.sha1(made.source, usedforsecurity=False).hexdigest()
    return made


FIRST = script("return redis.call('RPUSH', ARGV[1], ARGV[2])")
SECOND = script("return redis.call('RPUSH', ARGV[1], ARGV[2]) -- the other one")


def test_a_forgotten_script_does_not_overtake_or_lag(db: Redis, redis_url: str) -> None:
    """When only the second of two scripts is known to Redis, the first one still runs first."""
    for run in (0, 1):
        db.script_flush()
        db.delete("order")
        SECOND(db, "order", "warm")
        calls = [Call(FIRST, ("order", "a")), Call(SECOND, ("order", "b"))]
        if run:
            run_batch(db, calls)
        else:
            asyncio.run(_async(redis_url, calls))
        order = db.lrange("order", 0, -1)
        assert order.index(b"a") < len(order) - 1 - order[::-1].index(b"b")


async def _async(url: str, calls: list[Call]) -> None:
    async with AsyncRedis.from_url(url) as db:
        await run_batch_async(db, calls)


def test_lua_and_python_build_the_same_keys(db: Redis) -> None:
    """K in Lua is made from the Python functions: same names, same results."""
    made = db.eval(lua_keys() + "\nreturn {K.message('t', 'm'), K.products('t'), K.login_failures('w')}", 0)
    assert made == [key.encode() for key in (keys.message("t", "m"), keys.products("t"), keys.login_failures("w"))]
