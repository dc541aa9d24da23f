"""Retelling: a server that may have forgotten what was confirmed hears of it before anything else."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import RedisError

from common.store.group_commit import GroupCommit
from common.store.line import Line
from common.store.multiplex import Multiplexed
from common.store.retell import Recent
from common.store.scripts import Call, Script
from tests.conftest import RedisServer


class Once(Script):
    """Appends a word to list `seen`, once; returns how many there are, or 0."""

    __slots__ = ()

    def __init__(self, remark: str = "") -> None:
        super().__init__("common.queueing", "wake")
        self.source = (
            f"--{remark}\nif redis.call('SETNX', 'has:' .. ARGV[1], 1) == 0 then return 0 end "
            "return redis.call('RPUSH', 'seen', ARGV[1])"
        ).encode()
        self.sha = hashlib.sha1(self.source).hexdigest()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that keeps nothing: every restart forgets everything, and its scripts."""
    found = RedisServer(tmp_path).start()
    yield found
    found.close()


def run(server: RedisServer, scene: Callable[[Multiplexed], Awaitable[Any]], recent: Recent | None = None) -> Any:
    """Run `scene(client)` with what `recent` tells."""

    async def play() -> Any:
        client = Multiplexed.from_url(server.url)
        client.set_retry(Retry(ConstantBackoff(0.05), 20))
        client.recent = recent
        try:
            return await scene(client)
        finally:
            await client.aclose()

    return asyncio.run(play())


def note(recent: Recent, script: Script, word: str) -> None:
    recent.note(word, script, partial(Call, script, (word,)))


def restart(server: RedisServer) -> None:
    server.kill()
    server.start()


def seen(server: RedisServer) -> list[bytes]:
    with Redis.from_url(server.url) as db:
        return db.lrange("seen", 0, -1)


async def told(server: RedisServer, words: int, seconds: float = 5) -> list[bytes]:
    """What the server has been told, once it is so much."""
    until = time.monotonic() + seconds
    while len(found := await asyncio.to_thread(seen, server)) < words and time.monotonic() < until:  # noqa: ASYNC110  Redis tells nobody
        await asyncio.sleep(0.02)
    return found


def test_what_was_confirmed_is_told_first_and_in_order(server: RedisServer) -> None:
    """Of two scripts that the new server does not know; what waits for the connection comes after it."""
    recent, scripts = Recent(), (Once("a"), Once("b"))

    async def scene(client: Multiplexed) -> None:
        for n in range(300):
            await scripts[n % 2].run(client, str(n))
            note(recent, scripts[n % 2], str(n))
        server.kill()
        waiting = [asyncio.create_task(scripts[0].run(client, f"later {n}")) for n in range(3)]
        await asyncio.to_thread(server.start)
        await asyncio.gather(*waiting)

    run(server, scene, recent)
    assert seen(server) == [str(n).encode() for n in range(300)] + [b"later 0", b"later 1", b"later 2"]


def test_it_is_told_also_when_nobody_asks_for_anything(server: RedisServer) -> None:
    """The connection comes back by itself."""
    recent, script = Recent(), Once()

    async def scene(client: Multiplexed) -> list[bytes]:
        await script.run(client, "word")
        note(recent, script, "word")
        await asyncio.to_thread(restart, server)
        return await told(server, 1)

    assert run(server, scene, recent) == [b"word"]


def test_the_same_server_is_told_nothing(server: RedisServer) -> None:
    """A connection that was cut, and a first connection: both meet a server that has forgotten nothing."""
    recent, script = Recent(), Once()
    note(recent, script, "before")

    async def scene(client: Multiplexed) -> int:
        await client.ping()
        with Redis.from_url(server.url) as db:
            db.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await client.ping()
            return db.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]

    assert run(server, scene, recent) == 0
    assert seen(server) == []


def test_a_server_that_knows_it_is_told_without_harm(tmp_path: Path) -> None:
    """It comes back with its data, as it nearly always does."""
    server = RedisServer(tmp_path, aof="always").start()
    recent, script = Recent(), Once()

    async def scene(client: Multiplexed) -> None:
        for word in ("a", "b"):
            await script.run(client, word)
            note(recent, script, word)
        await asyncio.to_thread(restart, server)
        assert await script.run(client, "c") == 3

    try:
        run(server, scene, recent)
        assert seen(server) == [b"a", b"b", b"c"]
    finally:
        server.close()


def test_who_acts_on_what_he_reads_waits_until_all_have_told(server: RedisServer) -> None:
    """With `hold`, nothing goes over the connection for that long once a new server was told; not so on the same."""
    recent, script = Recent(hold=0.6), Once()

    async def scene(client: Multiplexed) -> tuple[float, float, list[bytes]]:
        await script.run(client, "word")
        note(recent, script, "word")
        await asyncio.to_thread(restart, server)
        back = time.monotonic()
        call = asyncio.create_task(client.get("k"))
        early = await told(server, 1)
        heard = time.monotonic() - back
        await call
        held = time.monotonic() - back
        with Redis.from_url(server.url) as db:
            db.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        again = time.monotonic()
        await client.get("k")
        assert time.monotonic() - again < 0.4
        return heard, held, early

    heard, held, early = run(server, scene, recent)
    assert early == [b"word"]
    assert heard < 0.5 < held


def test_a_cancelled_caller_does_not_stop_the_telling(server: RedisServer) -> None:
    """Whoever made the connection necessary may have gone."""
    recent, script = Recent(), Once()

    async def scene(client: Multiplexed) -> list[bytes]:
        await script.run(client, "word")
        note(recent, script, "word")
        server.kill()
        call = asyncio.create_task(client.get("k"))
        await asyncio.sleep(0.05)
        call.cancel()
        await asyncio.to_thread(server.start)
        return await told(server, 1)

    assert run(server, scene, recent) == [b"word"]


def test_webhooks_that_were_acknowledged_are_told_again(server: RedisServer) -> None:
    """GroupCommit keeps what it has told its callers to be stored, and nothing else."""
    script = Once()

    async def scene() -> list[bytes]:
        commit = GroupCommit(Multiplexed.from_url(server.url))
        loop = asyncio.get_running_loop()
        try:
            for n in range(5):
                heard = loop.create_future()
                commit.submit([Call(script, (f"{n}a",)), Call(script, (f"{n}b",))], heard.set_result)
                assert not isinstance(await heard, RedisError)
            await asyncio.to_thread(restart, server)
            return await told(server, 10)
        finally:
            await commit.close()

    assert asyncio.run(scene()) == [f"{n}{part}".encode() for n in range(5) for part in "ab"]


def test_too_few_replicas_leave_nothing_to_tell(server: RedisServer) -> None:
    """It was not acknowledged: Meta sends it again."""
    script = Once()

    async def scene() -> list[bytes]:
        commit = GroupCommit(Multiplexed.from_url(server.url), replicas=1)
        heard = asyncio.get_running_loop().create_future()
        try:
            commit.submit([Call(script, ("word",))], heard.set_result)
            assert isinstance(await heard, RedisError)
            await asyncio.to_thread(restart, server)
            return await told(server, 1, seconds=1)
        finally:
            await commit.close()

    assert asyncio.run(scene()) == []


def test_a_server_that_loads_its_data_is_waited_for(server: RedisServer) -> None:
    """While it is loading it would take nothing: it is told when it answers."""
    recent, script = Recent(), Once()
    blob = b"x" * 1_000
    with Redis.from_url(server.url) as db, db.pipeline(transaction=False) as pipe:
        for n in range(3_000):
            pipe.set(f"k{n}", blob)
        pipe.execute()
        db.save()
    server.args += ["--key-load-delay", "300"]  # microseconds a key

    async def scene(client: Multiplexed) -> list[bytes]:
        await script.run(client, "word")
        note(recent, script, "word")
        await asyncio.to_thread(restart, server)
        return await told(server, 1)

    assert run(server, scene, recent) == [b"word"]


def test_what_is_kept_is_bounded() -> None:
    """By age, by number and by size, the oldest first; what is noted anew under a name stands once, as the newest."""
    script = Once()
    few, small, short = Recent(calls=3), Recent(size=400), Recent(kept=0.05)
    for n in range(100):
        for recent in (few, small, short):
            recent.add(str(n).encode() * 20, 1, (script,))
    assert (few.calls, small.calls) == (3, 10)
    time.sleep(0.06)
    note(short, script, "new")
    assert short.calls == 1
    for word in ("a", "b", "a", "c"):
        note(few, script, word)
    few.forget("b")
    few.forget("never noted")
    assert few.calls == 2
    few.add(b"", 4, {script})
    assert few.calls == 0


def test_keeping_a_call_costs_microseconds() -> None:
    """It is on the way of every message."""
    script, recent = Once(), Recent(calls=1_000)
    call = Call(script, ("default", 1.5, "m-1"))
    made = partial(Call, script, call.args)
    best = min(_seconds(lambda: recent.note(1, script, made)) for _ in range(5))
    added = min(_seconds(lambda: recent.add(b"x", 1, (script,))) for _ in range(5))
    print(f"note {best * 1e6:.2f} us, add {added * 1e6:.2f} us")
    assert best < 30e-6
    assert added < 30e-6


def _seconds(act: Callable[[], None], times: int = 2_000) -> float:
    began = time.perf_counter()
    for _ in range(times):
        act()
    return (time.perf_counter() - began) / times


def test_a_line_that_is_closed_stays_closed(server: RedisServer) -> None:
    """Also when Redis comes back later."""

    async def scene() -> int:
        client = Multiplexed.from_url(server.url)
        line = Line(client.connection_pool, 1.0, Recent())
        await line.call(b"*1\r\n$4\r\nPING\r\n", 1)
        server.kill()
        await asyncio.sleep(0.1)
        await line.close()
        await asyncio.to_thread(server.start)
        await asyncio.sleep(0.7)
        with Redis.from_url(server.url) as db:
            found = len(db.client_list(_type="normal")) - 1
        await client.aclose()
        return found

    assert asyncio.run(scene()) == 0
