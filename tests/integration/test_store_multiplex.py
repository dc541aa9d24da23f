"""The client whose commands share one connection: right answers for everybody, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress

import pytest
import uvloop
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff, NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError, NoScriptError, ResponseError, WatchError
from redis.exceptions import TimeoutError as RedisTimeoutError

from common.store import line
from common.store.multiplex import Multiplexed
from common.store.scripts import Call, Script, run_batch_async

NAME = "scene"
LIB = Script("common.queueing", "wake", lib=["common.queueing:lib"])


def run(url: str, scene, *, retries: int = 1, **options):
    """Run `scene(client)` on a loop of its own."""

    async def main():
        client = Multiplexed.from_url(url, client_name=NAME, **options)
        client.set_retry(Retry(ConstantBackoff(0.01) if retries else NoBackoff(), retries))
        try:
            return await scene(client)
        finally:
            await client.aclose()

    return asyncio.run(main())


def normal_clients(db) -> int:
    """Connections of the scene; other tests may have left theirs to the server."""
    return len([one for one in db.client_list(_type="normal") if one["name"] == NAME])


def test_a_thousand_tasks_share_one_connection_and_get_their_own_answers(db, redis_url):
    """What they say in one turn of the loop goes out a few together."""

    async def scene(client):
        await asyncio.gather(*(client.set(f"k{n}", n) for n in range(1000)))
        before = db.info("stats")["total_reads_processed"]
        found = await asyncio.gather(*(client.get(f"k{n}") for n in range(1000)))
        return found, db.info("stats")["total_reads_processed"] - before, normal_clients(db)

    found, reads, clients = run(redis_url, scene)
    assert found == [str(n).encode() for n in range(1000)]
    assert reads < 200
    assert clients == 1


@pytest.mark.parametrize("protocol", [None, 2, 3])
def test_answers_have_the_shape_that_redis_py_gives_them(db, redis_url, protocol):
    """Of single commands, pipelines and transactions alike."""
    db.hset("h", mapping={"a": 1})
    db.zadd("z", {"m": 1.5})
    db.xadd("x", {"f": "v"}, id="1-0")

    def commands(target):
        return [
            target.hgetall("h"), target.zrange("z", 0, -1, withscores=True), target.zscore("z", "m"),
            target.smembers("none"), target.xrange("x"), target.exists("h"), target.set("s", "1", nx=True),
            target.set("s", "2", nx=True), target.hmget("h", "a", "b"), target.get("none"), target.expire("h", 9),
        ]  # fmt: skip

    async def answers(client):
        single = [await one for one in commands(client)]
        out = [single]
        for transaction in (False, True):
            await client.delete("s")
            pipe = client.pipeline(transaction=transaction)
            commands(pipe)
            out.append(await pipe.execute())
        await client.delete("s")
        return out

    ours = run(redis_url, answers, protocol=protocol)

    async def theirs():
        async with AsyncRedis.from_url(redis_url, protocol=protocol) as client:
            return await answers(client)

    assert ours == asyncio.run(theirs())
    assert ours[0] == ours[1] == ours[2]


def test_errors_belong_to_those_who_made_them(db, redis_url):
    """Others on the connection do not notice."""
    db.set("text", "x")

    async def scene(client):
        calls = [client.incr("text"), client.incr("n"), client.evalsha("0" * 40, 0), client.incr("n")]
        found = await asyncio.gather(*calls, return_exceptions=True)
        with pytest.raises(DataError):
            await client.execute_command("SET", "k", object())
        pipe = client.pipeline(transaction=False)
        pipe.incr("text")
        pipe.incr("n")
        answers = await pipe.execute(raise_on_error=False)
        pipe = client.pipeline(transaction=True)
        pipe.incr("n")
        pipe.execute_command("NOSUCHCOMMAND")
        with pytest.raises(ResponseError, match="unknown command"):
            await pipe.execute()
        return found, answers

    found, answers = run(redis_url, scene)
    assert isinstance(found[0], ResponseError)
    assert isinstance(found[2], NoScriptError)
    assert (found[1], found[3], answers[1]) == (1, 2, 3)
    assert db.get("n") == b"3"  # the transaction did not run


def test_scripts_are_loaded_again_by_themselves(db, redis_url):
    """Single and batched; SCRIPT FLUSH in between."""

    async def scene(client):
        assert await LIB.run(client, "q") == 0
        db.script_flush()
        return await run_batch_async(client, [Call(LIB, ("q",)), Call(LIB, ("q",))])

    assert run(redis_url, scene) == [0, 0]


def test_what_needs_a_connection_for_itself_gets_one(db, redis_url):
    """Blocking reads, pub/sub and WATCH hold nobody up."""

    async def scene(client):
        waiting = asyncio.create_task(client.blpop(["list"], timeout=5))
        reading = asyncio.create_task(client.blocking("BLPOP", "other", 5, seconds=5))
        async with client.pubsub() as pubsub:
            await pubsub.subscribe("channel")
            start = time.monotonic()
            assert await client.incr("n") == 1
            assert time.monotonic() - start < 1
            await client.rpush("list", "a")
            await client.rpush("other", "b")
            async with client.pipeline() as pipe:
                await pipe.watch("n")
                await client.incr("n")
                pipe.multi()
                pipe.incr("n")
                with pytest.raises(WatchError):
                    await pipe.execute()
        return await waiting, await reading

    assert run(redis_url, scene) == ((b"list", b"a"), [b"other", b"b"])


def test_a_cancelled_command_does_not_cost_the_connection(db, redis_url):
    """Its answer is heard and dropped; nobody gets it by mistake."""

    async def scene(client):
        await client.ping()
        tasks = [asyncio.create_task(client.incr("n")) for _ in range(10)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        return [one for one in found if isinstance(one, int)], await client.echo("mine"), normal_clients(db)

    found, echo, clients = run(redis_url, scene)
    assert found == [2, 4, 6, 8, 10]
    assert (echo, clients) == (b"mine", 1)


def test_a_lost_connection_is_made_anew_and_the_command_tried_again(db, redis_url):
    """As often as the client's retry says; without retries, the error is told."""

    async def cut(client):
        await client.ping()
        db.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        return await asyncio.gather(*(client.incr("n") for _ in range(50)), return_exceptions=True)

    assert sorted(run(redis_url, cut)) == list(range(1, 51))
    failures = run(redis_url, cut, retries=0)
    assert all(isinstance(one, int | RedisConnectionError) for one in failures)


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("through", ["channel", "line"])
@pytest.mark.parametrize("moment", ["before its first word", "after it was lent"])
def test_a_socket_that_closed_while_nobody_looked_is_a_lost_connection(redis_url, runner, through, moment, monkeypatch):
    """Not a RuntimeError, which is uvloop's word for it: a worker died of that."""

    async def cut(connection):
        connection._writer.transport.abort()
        with suppress(OSError):
            await connection._reader.read()

    async def main():
        client = Multiplexed.from_url(redis_url, socket_timeout=1, retry=Retry(NoBackoff(), 0))
        pool = client.connection_pool
        kind, lend = pool.connection_class, pool.get_connection

        async def connect(self):
            await kind._connect(self)
            await cut(self)

        async def lend_and_cut():
            connection = await lend()
            await cut(connection)
            return connection

        if moment == "before its first word":
            pool.connection_class = type("Cut", (kind,), {"_connect": connect})
        else:
            monkeypatch.setattr(pool, "get_connection", lend_and_cut)
        try:
            if through == "line":
                await client.ping()
            else:
                async with client.pubsub() as pubsub:
                    await pubsub.subscribe("channel")
        finally:
            await client.aclose()

    with pytest.raises(RedisConnectionError):
        runner(main())


def test_a_redis_that_says_nothing_counts_as_dead():
    """All who wait hear of it after the time-out of the client, and the next command connects anew."""
    with socket.create_server(("127.0.0.1", 0)) as silent:

        async def scene(client):
            start = time.monotonic()
            with pytest.raises((RedisTimeoutError, RedisConnectionError)):
                await client.get("k")
            return time.monotonic() - start

        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        assert run(url, scene, retries=0, socket_timeout=0.2, socket_connect_timeout=0.2, protocol=2) < 2


def test_a_late_answer_fails_those_who_wait(db, redis_url):
    """Redis pauses longer than the client's patience; afterwards all is well."""

    async def scene(client):
        await client.ping()
        db.client_pause(500)
        found = await asyncio.gather(*(client.get("k") for _ in range(3)), return_exceptions=True)
        db.client_unpause()
        return found, await client.ping()

    found, pong = run(redis_url, scene, retries=0, socket_timeout=0.2)
    assert all(isinstance(one, RedisTimeoutError) for one in found)
    assert pong


def test_a_crowd_waits_for_room(db, redis_url, monkeypatch):
    """The number of calls on the wire is bounded; all are answered."""
    monkeypatch.setattr(line, "MOST", 10)

    async def scene(client):
        return await asyncio.gather(*(client.incr("n") for _ in range(500)))

    assert sorted(run(redis_url, scene)) == list(range(1, 501))


def test_a_replica_is_left_for_the_primary(db, redis_url):
    """After a refusal to write, the next command makes a new connection."""

    async def scene(client):
        await client.ping()
        db.execute_command("REPLICAOF", "127.0.0.1", "1")
        before = {one["id"] for one in db.client_list(_type="normal")}
        with pytest.raises(ResponseError):
            await client.set("k", "v")
        db.execute_command("REPLICAOF", "NO", "ONE")
        assert await client.set("k", "v")
        return before, {one["id"] for one in db.client_list(_type="normal")}

    before, after = run(redis_url, scene)
    assert after - before


def test_nothing_asked_holds_nobody_up(db, redis_url):
    """A batch of no calls is answered at once, and those behind it, too."""

    async def scene(client):
        async with asyncio.timeout(2):
            return await run_batch_async(client, []), await client.exchange([]), await client.ping()

    assert run(redis_url, scene) == ([], [], True)


def test_large_answers_arrive_whole(db, redis_url):
    """In whatever pieces the socket hands them over."""
    data = b"x" * 3_000_000
    db.set("big", data)

    async def scene(client):
        return await asyncio.gather(*(client.get("big") for _ in range(4)), client.set("copy", data))

    *found, done = run(redis_url, scene)
    assert all(one == data for one in found)
    assert done
    assert db.get("copy") == data
