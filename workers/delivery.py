"""The one door out: everything that leaves for WhatsApp passes `Delivery.deliver`.

A bubble is an outbound message hash that stands as intent, is marked as sending by the same script that looks at
owner, window, pause and limits for the last time, is posted, and is settled. A crash or a lost answer between post
and settling leaves it as sending: Meta's status webhook settles it by our opaque id, and only when none has come
within the settle time is it posted again.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from common.clock import Clock, iso
from common.conversations.commands import day
from common.conversations.identity import sender_of
from common.conversations.scripts import BEGIN_SEND, SETTLE_SEND
from common.errors import (
    AccountBlocked,
    ChannelError,
    Later,
    MessageRefused,
    NumberLimited,
    RelevoError,
    SendOutcomeUnknown,
)
from common.graph.client import GraphClient
from common.messages import digest
from common.settings import Settings
from common.store import keys
from common.store.retell import Recent
from common.store.scripts import Call, TooFewReplicas, run_batch_async
from common.store.vault import Vault
from workers.outage import insist, last_words
from workers.patience import next_wait
from workers.posting import Bubble, Posts

log = structlog.get_logger("delivery")

SHORT_WAIT = 1.0  # seconds that a slot may wait for the number's budget instead of going through the scheduler
REFUSED_FOR = 90.0  # seconds that a bubble refused with a code is tried again; then attempts are spent
NUMBER_PAUSE = 1.0  # seconds a number rests after a rate limit that names no time


class LeaseLost(RelevoError):
    """Another execution has this job now; this one must not touch anything any more."""


class Lease(NamedTuple):
    """The execution on whose behalf is sent: the fence against zombies."""

    queue: str
    job: str
    execution: str


class Delivered(NamedTuple):
    """`sent` bubbles stand accepted (now or before); `why` the last one was canceled; `pending` must still be run.

    `first` is what the call answered that was run before anything was sent.
    """

    sent: int
    why: str
    pending: tuple[Call, ...]
    first: bytes = b""


class Delivery:
    """Sends outbound messages of the store.

    Args:
        graph: the Graph client.
        settings: rates, settle time, retention.
        recent: what `db` tells again to a Redis that may have forgotten it.
    """

    def __init__(
        self, db: Redis, vault: Vault, graph: GraphClient, clock: Clock, settings: Settings,
        recent: Recent | None = None,
    ) -> None:  # fmt: skip
        self._db = db
        self._vault = vault
        self._graph = graph
        self._clock = clock
        self._settle = settings.settle_seconds + settings.graph_timeout_seconds
        self._one_probe = settings.graph_timeout_seconds + 1
        self._patience, self._base = settings.graph_patience_seconds, settings.retry_base_seconds
        self._probe = settings.account_probe_seconds
        self._replicas = settings.redis_ack_replicas
        self._limits = (settings.number_messages_per_second, settings.pair_seconds, settings.pair_burst)
        self._ttl = settings.transcript_days * 86400
        recent = Recent() if recent is None else recent
        self._posts = Posts(recent, partial(insist, db), vault, clock, ttl=self._ttl, settle=self._settle)
        self._asked = map(f"{uuid.uuid4().hex[:8]}-{{}}".format, itertools.count())

    async def deliver(
        self, tenant: str, mids: Sequence[str], lease: Lease, *, first: Call | None = None, answers: str = ""
    ) -> Delivered:
        """Send `mids` in order. `first` is run in the same round trip, before anything is sent; `answers` is a JSON
        list of the messages that they answer.

        Raises:
            Later: the number or pair must wait, or the outcome of an earlier post is not known yet.
            MessageRefused: a bubble can never be sent.
            ChannelError: not sent for now; the same call may be repeated.
            LeaseLost: this execution is a zombie.
        """
        calls: list[Call] = [first] if first else []
        sent, why, answer = 0, "", b""
        for n, mid in enumerate(mids):
            if calls and n > 0:
                await insist(self._db, calls)
                calls = []
            before, verdict = await self._begin(tenant, mid, lease, calls)
            if first and n == 0:
                answer = before[0]
            calls = []
            match verdict[0]:
                case b"send":
                    calls = [await self._post(Bubble(tenant, mid, lease.execution, answers), lease, *verdict[2:])]
                    sent += 1
                case b"done":
                    sent += 1
                case b"canceled" | b"gone":
                    why = verdict[1].decode()
                case b"failed":
                    raise MessageRefused(verdict[1].decode() or "the message failed before")
        if calls == [first]:
            await self._run(calls)
            calls = []
        return Delivered(sent, why, tuple(calls), answer)

    async def settle(self, delivered: Delivered) -> None:
        """Run what `delivered` left to settle."""
        if delivered.pending:
            await last_words(self._db, delivered.pending)

    async def _begin(self, tenant: str, mid: str, lease: Lease, before: list[Call]) -> tuple[list[Any], list[Any]]:
        """What `before` answered and the verdict of the last look at `mid`; short waits are waited for."""
        answers: list[Any] = []
        before = [*before, *await self._posts.outcome(mid)]  # posted here, on behalf of an execution before
        while True:
            ask = Call(
                BEGIN_SEND,
                (tenant, mid, lease.queue, lease.job, lease.execution, self._settle, *self._limits, next(self._asked),
                 self._one_probe, self._patience),
            )
            *others, verdict = await self._ask([*before, ask], tenant, mid, lease)
            answers = answers or others
            if b"fenced" in others or verdict[0] == b"fenced":
                raise LeaseLost
            if verdict[0] == b"unknown":
                raise Later(float(verdict[1]), "waiting for the status of a message whose fate is not known")
            if verdict[0] != b"wait":
                return answers, list(verdict)
            wait = float(verdict[3])
            if wait > SHORT_WAIT:
                raise Later(float(verdict[1]), f"sending waits: {verdict[2].decode()}")
            await asyncio.sleep(max(0.005, wait))
            before = []

    async def _ask(self, calls: list[Call], tenant: str, mid: str, lease: Lease) -> list[Any]:
        """What `calls` answered, once replicas have it: a fail-over must not forget that a bubble was on its way.

        Raises:
            Later: too few replicas; nothing was posted, and the bubble stands as intent again.
        """
        try:
            return await self._run(calls, replicas=self._replicas)
        except TooFewReplicas as error:
            await self._run([self._settled(tenant, mid, lease, "back")])
            raise Later(await self._now() + SHORT_WAIT, str(error)) from error

    async def _post(self, bubble: Bubble, lease: Lease, phone_number_id: bytes, who: bytes, body: bytes) -> Call:
        """Post one bubble; the call that settles it as accepted."""
        tenant, mid = bubble.tenant, bubble.mid
        sender = sender_of(self._vault.open_json(who)) if who else sender_of(None)
        number = phone_number_id.decode()
        try:
            sending = self._graph.send(
                number,
                to=sender.wa_id,
                recipient=sender.user_id,
                payload=orjson.loads(self._vault.open(body)),
                opaque=f"{tenant}:{mid}",
            )
            settled = partial(self._settled, tenant, mid, lease, "accepted")
            return await self._posts.post(bubble, sending, lambda wamid: settled(wamid=wamid))
        except SendOutcomeUnknown as error:
            log.warning("fate of a message is not known", message=mid, error=str(error))
            raise Later(await self._now() + self._settle, str(error)) from error
        except ChannelError as error:
            await self._refused(tenant, mid, lease, number, error)
            raise

    async def _refused(self, tenant: str, mid: str, lease: Lease, number: str, error: ChannelError) -> None:
        """Settle a bubble that Graph did not take, and slow down what must slow down.

        Raises:
            Later: the whole number must wait, or Graph has not been refusing for long; no attempt of this job is
                spent on it.
        """
        final = isinstance(error, MessageRefused)
        log.warning("graph refused", message=mid, code=error.code, error=str(error), final=final)
        blocked = isinstance(error, AccountBlocked)
        call = self._settled(tenant, mid, lease, "failed" if final else "back", error=error, waits=blocked)
        refused = float((await self._run([call]))[0])
        if isinstance(error, AccountBlocked | NumberLimited):
            until = await self._now() + (error.retry_after or (self._probe if blocked else NUMBER_PAUSE))
            fields: dict[Any, Any] = {"paused_until": until, "reason": str(error), "blocked": int(blocked)}
            key = keys.number(tenant, number)
            await self._db.hset(key, mapping=fields)
            await self._db.expire(key, 30 * 86400)
            raise Later(until, str(error)) from error
        # No answer with a code of its own: Graph is away, which concerns everybody, and no person could send either.
        patience = self._patience if error.code is None else min(self._patience, REFUSED_FOR)
        wait = next_wait(refused, patience, base=self._base, at_least=error.retry_after or 0.0)
        if error.retryable and wait is not None:
            raise Later(await self._now() + wait, str(error)) from error

    def _settled(
        self, tenant: str, mid: str, lease: Lease, verdict: str, *, wamid: str = "", error: ChannelError | None = None,
        waits: bool = False,
    ) -> Call:  # fmt: skip
        now = self._clock.now()
        return Call(
            SETTLE_SEND,
            (
                tenant, now, day(now), mid, lease.execution, verdict, self._ttl,
                self._vault.seal(wamid.encode()) if wamid else "", digest(wamid) if wamid else "",
                (error.code if error else "") or "", str(error) if error else "", iso(now),
                lease.job if waits else "",
            ),
        )  # fmt: skip

    async def _now(self) -> float:
        """Unix seconds by Redis, which moves delayed jobs and ends pauses: this machine's clock may have jumped."""
        seconds, micros = await self._db.time()
        return int(seconds) + int(micros) / 1e6

    async def _run(self, calls: list[Call], *, replicas: int = 0) -> list[Any]:
        results = await run_batch_async(self._db, calls, replicas=replicas) if calls else []
        for result in results:
            if isinstance(result, RedisError):
                raise result
        return results
