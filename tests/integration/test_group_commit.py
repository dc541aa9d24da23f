"""Calls of many callers in few round trips: each hears of its own, whatever becomes of the others."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import ReadOnlyError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from common.store.group_commit import GroupCommit, Outcome
from common.store.scripts import Call, Script, TooFewReplicas
from tests.conftest import RedisServer


class Append(Script):
    """Appends its arguments to list `seen`; refuses the word `bad`."""

    __slots__ = ()

    def __init__(self, remark: str = "") -> None:
        super().__init__("common.queueing", "wake")
        self.source = (
            f"--{remark}\nif ARGV[1] == 'bad' then return redis.error_reply('ERR bad') end "
            "return redis.call('RPUSH', 'seen', ARGV[1])"
        ).encode()
        self.sha = hashlib.sha1(self.source).hexdigest()


def run(url: str, scene: Callable[[GroupCommit], Awaitable[Any]], **options: Any) -> Any:
    async def play() -> Any:
        commit = GroupCommit(AsyncRedis.from_url(url), **options)
        try:
            return await scene(commit)
        finally:
            await commit.close()

    return asyncio.run(play())


def asked(commit: GroupCommit, *calls: Call) -> asyncio.Future[Outcome]:
    future = asyncio.get_running_loop().create_future()
    commit.submit(calls, future.set_result)
    return future


def test_each_caller_gets_its_own_results(redis_url: str, db: Redis) -> None:
    """Of 200 at once, one of them refused: the others' writes stand, in the order they came."""
    script = Append()

    async def scene(commit: GroupCommit) -> list[Outcome]:
        words = [str(n) if n != 100 else "bad" for n in range(200)]
        return await asyncio.gather(*(asked(commit, Call(script, (word,)), Call(script, (word,))) for word in words))

    outcomes = run(redis_url, scene)
    refused = outcomes.pop(100)
    assert all(isinstance(result, ResponseError) for result in refused)
    assert [result for outcome in outcomes for result in outcome] == list(range(1, 399))
    assert db.lrange("seen", 0, 3) == [b"0", b"0", b"1", b"1"]


def test_they_share_round_trips(redis_url: str, db: Redis) -> None:
    """200 callers of one turn of the loop cost a handful of reads on Redis' side, not 200."""

    async def scene(commit: GroupCommit) -> None:
        await asked(commit, Call(Append(), ("first",)))
        before = db.info("stats")["total_reads_processed"]
        await asyncio.gather(*(asked(commit, Call(Append(), (str(n),))) for n in range(200)))
        assert db.info("stats")["total_reads_processed"] - before < 20

    run(redis_url, scene)


def test_a_forgotten_script_is_loaded_and_the_order_holds(redis_url: str, db: Redis) -> None:
    """Also when an earlier one is still known: none overtakes another, none runs twice."""
    known, forgotten = Append("known"), Append("forgotten")
    db.script_load(known.source)

    async def scene(commit: GroupCommit) -> list[Outcome]:
        scripts = (known, forgotten, known, forgotten)
        return await asyncio.gather(*(asked(commit, Call(s, (str(i),))) for i, s in enumerate(scripts)))

    first = run(redis_url, scene)
    assert db.lrange("seen", 0, -1)[0] == b"0"
    assert [w for w in db.lrange("seen", 0, -1) if w != b"2"] == [b"0", b"1", b"3"]
    assert all(not isinstance(result, RedisError) for outcome in first for result in outcome)


def test_a_connection_that_was_cut_is_made_anew(redis_url: str, db: Redis) -> None:
    """The next caller does not notice."""

    async def scene(commit: GroupCommit) -> None:
        for word in ("before", "after"):
            assert not isinstance(await asked(commit, Call(Append(), (word,))), RedisError)
            db.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    run(redis_url, scene)
    assert db.lrange("seen", 0, -1) == [b"before", b"after"]


def test_too_few_replicas_is_an_error_for_all(redis_url: str) -> None:
    """REDIS_ACK_REPLICAS=1 with no replica: written, but not safe, so nobody may call it stored."""

    async def scene(commit: GroupCommit) -> list[Outcome]:
        return await asyncio.gather(*(asked(commit, Call(Append(), (str(n),))) for n in range(3)))

    assert all(isinstance(outcome, TooFewReplicas) for outcome in run(redis_url, scene, replicas=1))


def test_a_primary_that_became_a_replica_is_left(redis_url: str, db: Redis) -> None:
    """Its refusal is told, and the next call goes over a new connection, which would find the new primary."""

    async def scene(commit: GroupCommit) -> None:
        await asked(commit, Call(Append(), ("before",)))
        clients = {client["id"] for client in db.client_list()}
        db.replicaof("127.0.0.1", 1)
        try:
            (refused,) = await asked(commit, Call(Append(), ("refused",)))
        finally:
            db.replicaof("NO", "ONE")
        assert isinstance(refused, ReadOnlyError) or "READONLY" in str(refused)  # Redis 6.2 wraps the word
        assert await asked(commit, Call(Append(), ("after",))) == [2]
        assert {client["id"] for client in db.client_list()} - clients

    run(redis_url, scene)


def test_a_redis_that_hangs_is_given_up_in_time(tmp_path: Any) -> None:
    """Stopped, not dead: who is on the wire and who waits behind hear of it together; later calls are served."""
    server = RedisServer(tmp_path).start()
    assert server.process

    async def scene(commit: GroupCommit) -> None:
        assert server.process
        await asked(commit, Call(Append(), ("before",)))
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            began = asyncio.get_running_loop().time()
            first = asked(commit, Call(Append(), ("a",)))
            await asyncio.sleep(0.2)
            outcomes = await asyncio.gather(first, asked(commit, Call(Append(), ("b",))))
            assert asyncio.get_running_loop().time() - began < 1
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        assert all(isinstance(outcome, RedisTimeoutError) for outcome in outcomes)
        assert not isinstance(await asked(commit, Call(Append(), ("after",))), RedisError)

    try:
        run(server.url, scene, patience=0.5)
    finally:
        server.kill()


def test_a_caller_that_fails_harms_nobody(redis_url: str) -> None:
    """Its own `done` raised; the others get theirs, and so does whoever comes later."""

    async def scene(commit: GroupCommit) -> None:
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))
        commit.submit([Call(Append(), ("y",))], lambda _outcome: 1 / 0)
        assert await asked(commit, Call(Append(), ("z",))) == [2]
        assert told

    run(redis_url, scene)
