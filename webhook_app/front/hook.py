"""Meta's POST, from the request to the answer, on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any

from redis.exceptions import RedisError

from common.store.group_commit import GroupCommit
from common.store.scripts import Call
from webhook_app.front.exchange import Exchange
from webhook_app.ingest import Ingest
from webhook_app.problems import Problem
from webhook_app.receiver import Receiver

#: Bytes. A longer body is read in a thread, so that nobody waits for it: 1,000 statuses take 10 ms.
LONG = 64 * 1024


class Hook:
    """Takes webhooks; all that come at a time share a round trip to Redis.

    Args:
        receiver: checks and splits them.
        ingest: knows what stores them.
        commit: stores.
        threads: for long bodies.
    """

    def __init__(self, receiver: Receiver, ingest: Ingest, commit: GroupCommit, threads: Executor) -> None:
        self._receiver = receiver
        self._ingest = ingest
        self._commit = commit
        self._threads = threads

    def take(self, exchange: Exchange) -> None:
        """Store what it says, then answer: 200, for then Meta may forget it, or the problem."""
        if len(exchange.body) > LONG:
            work = asyncio.get_running_loop().run_in_executor(self._threads, self._read, exchange)
            work.add_done_callback(partial(self._store_read, exchange))
            return
        try:
            calls = self._read(exchange)
        except Problem as problem:
            exchange.refuse(problem)
        else:
            self._commit.submit(calls, partial(self._stored, exchange, calls))

    def _read(self, exchange: Exchange) -> list[Call]:
        signature = exchange.headers.get(b"x-hub-signature-256")
        updates, now = self._receiver.read(exchange.body, signature.decode("latin-1") if signature else None)
        try:
            return self._ingest.calls(updates, now=now)
        except Exception as error:
            raise self._receiver.not_stored(error) from error

    def _store_read(self, exchange: Exchange, work: asyncio.Future[list[Call]]) -> None:
        if work.cancelled():
            return
        error = work.exception()
        if error is None:
            self._commit.submit(work.result(), partial(self._stored, exchange, work.result()))
        else:
            exchange.refuse(error if isinstance(error, Problem) else self._receiver.not_stored(Exception(error)))

    def _stored(self, exchange: Exchange, calls: Sequence[Call], results: Sequence[Any] | RedisError) -> None:
        try:
            self._receiver.stored(self._ingest.acceptance(calls, results))
        except Exception as error:  # noqa: BLE001  whatever it is, Meta sends again
            exchange.refuse(self._receiver.not_stored(error))
        else:
            exchange.answer_own("text/plain", b"ok")
