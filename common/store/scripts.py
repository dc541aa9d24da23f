"""Lua scripts kept in `.lua` files, called by EVALSHA, loaded again by themselves when Redis forgot them.

A script is a file of a package; `lib` names files that are put in front of it. Scripts use computed keys
(one Redis, never a cluster: design, section 9), so they take only ARGV.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple, Protocol

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError, ResponseError

from common.store import keys

#: Milliseconds that replicas get to confirm a write.
REPLICA_MS = 500

Arg = str | bytes | int | float


class Exchanging(AsyncRedis):
    """A client that sends commands in one write without a pipeline object in between."""

    async def exchange(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """A reply, or the error, of each."""
        raise NotImplementedError


class TooFewReplicas(RedisError):
    """Fewer replicas than asked for confirmed a write in time."""


class Executes(Protocol):
    """An asyncio client, as far as a script needs one."""

    async def execute_command(self, *args: Any, **options: Any) -> Any: ...


class Script:
    """One Lua script.

    Args:
        package: dotted package that holds a `lua` folder, e.g. `common.conversations`.
        name: file name without `.lua`.
        lib: further scripts as `package:name`, whose text comes first; `keys` stands for K, the functions of
            common.store.keys in Lua.
        parts: scripts that this one may call, as PART.<name>(their ARGV): what they do is one step with what it does.
        preface: Lua that stands behind the parts and in front of the libraries that only this script names.
    """

    __slots__ = ("lib", "name", "own", "sha", "source")

    def __init__(
        self, package: str, name: str, *, lib: Sequence[str] = (), parts: Sequence[Script] = (), preface: str = ""
    ) -> None:
        self.name, self.lib, self.own = name, tuple(lib), _read(package, name)
        below = tuple(dict.fromkeys(entry for part in parts for entry in part.lib))
        above = (entry for entry in self.lib if entry not in below)
        texts = [
            *map(_library, below), *(["local PART = {}"] if parts else ()), *map(_as_part, parts), preface,
            *map(_library, above), self.own,
        ]  # fmt: skip
        self.source = "\n".join(filter(None, texts)).encode()
        self.sha = hashlib.sha1(self.source, usedforsecurity=False).hexdigest()

    def __call__(self, db: Redis, *args: Arg) -> Any:
        """Run on a blocking client."""
        try:
            return db.execute_command("EVALSHA", self.sha, 0, *args)
        except NoScriptError:
            return db.execute_command("EVAL", self.source, 0, *args)

    async def run(self, db: Executes, *args: Arg) -> Any:
        """Run on an asyncio client."""
        try:
            return await db.execute_command("EVALSHA", self.sha, 0, *args)
        except NoScriptError:
            return await db.execute_command("EVAL", self.source, 0, *args)


@cache
def lua_keys() -> str:
    """The key functions of common.store.keys as a Lua table K, so that names stand in one place only."""
    lines = ["local K = {}"]
    for name, function in inspect.getmembers(keys, inspect.isfunction):
        params = list(inspect.signature(function).parameters)
        marks = [f"\x01{param}\x01" for param in params]
        pieces = function(*marks).split("\x01")
        value = " .. ".join(piece if i % 2 else f"'{piece}'" for i, piece in enumerate(pieces) if piece)
        lines.append(f"function K.{name}({', '.join(params)}) return {value} end")
    return "\n".join(lines)


def _library(entry: str) -> str:
    return lua_keys() if entry == "keys" else _read(*entry.split(":"))


def _as_part(script: Script) -> str:
    return f"function PART.{script.name}(ARGV)\n{script.own}\nend"


@cache
def _read(package: str, name: str) -> str:
    return (files(package) / "lua" / f"{name}.lua").read_text(encoding="utf-8")


class Call(NamedTuple):
    """A script call to be sent with others in one round trip."""

    script: Script
    args: tuple[Arg, ...]


def run_batch(db: Redis, calls: Sequence[Call], *, replicas: int = 0) -> list[Any]:
    """All `calls` in one round trip, in order; each is atomic by itself, and safe to repeat.

    Args:
        db: the client.
        calls: what to run. When Redis forgot a script, it and all after it are run (again), so that order holds.
        replicas: how many replicas must have it before this returns.

    Returns one entry per call: its result, or the RedisError it raised.

    Raises:
        RedisError: the connection failed; which calls ran is not known.
        TooFewReplicas: it is written, but not safe against a fail-over.
    """
    results = _piped(db, calls, replicas, "EVALSHA")
    at = _first_forgotten(results)
    return results if at is None else results[:at] + _piped(db, calls[at:], replicas, "EVAL")


async def run_batch_async(db: AsyncRedis, calls: Sequence[Call], *, replicas: int = 0) -> list[Any]:
    """As `run_batch`, on an asyncio client."""
    results = await _piped_async(db, calls, replicas, "EVALSHA")
    at = _first_forgotten(results)
    return results if at is None else results[:at] + await _piped_async(db, calls[at:], replicas, "EVAL")


def _piped(db: Redis, calls: Sequence[Call], replicas: int, command: str) -> list[Any]:
    pipe = db.pipeline(transaction=False)
    for args in _commands(calls, replicas, command):
        pipe.execute_command(*args)
    results = pipe.execute(raise_on_error=False)
    if _demoted(results):
        db.connection_pool.disconnect(inuse_connections=False)
    return _confirmed(results, replicas)


async def _piped_async(db: AsyncRedis, calls: Sequence[Call], replicas: int, command: str) -> list[Any]:
    commands = _commands(calls, replicas, command)
    if isinstance(db, Exchanging) and not replicas:  # a WAIT would hold up all who share the connection
        results = await db.exchange(commands)
    else:
        pipe = db.pipeline(transaction=False)
        for args in commands:
            pipe.execute_command(*args)
        results = await pipe.execute(raise_on_error=False)
    if _demoted(results):
        await db.connection_pool.disconnect(inuse_connections=False)
    return _confirmed(results, replicas)


def _commands(calls: Sequence[Call], replicas: int, command: str) -> list[tuple[Arg, ...]]:
    known = command == "EVALSHA"
    commands: list[tuple[Arg, ...]] = [
        (command, call.script.sha if known else call.script.source, 0, *call.args) for call in calls
    ]
    if replicas:
        commands.append(("WAIT", replicas, REPLICA_MS))
    return commands


def _demoted(results: Sequence[Any]) -> bool:
    """Whether a primary of before answered, which refuses writes and WAIT from now on.

    New connections find the new one. Redis 6.2 wraps the error of a command within a script: then its text decides.
    """
    return any(
        isinstance(result, ReadOnlyError)
        or (isinstance(result, ResponseError) and ("READONLY" in str(result) or "WAIT cannot be used" in str(result)))
        for result in results
    )


def _confirmed(results: list[Any], replicas: int) -> list[Any]:
    """The results of the calls, without the answer of WAIT, which must be enough."""
    if not replicas:
        return results
    *results, reached = results
    if isinstance(reached, RedisError):
        raise reached
    if reached < replicas:
        raise TooFewReplicas(f"{reached} of {replicas} replicas have it")
    return results


def _first_forgotten(results: Sequence[Any]) -> int | None:
    return next((i for i, result in enumerate(results) if isinstance(result, NoScriptError)), None)
