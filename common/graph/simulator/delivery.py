"""Posts webhooks to the app, and again until they are taken; asks it to verify itself at the start.

As Meta: at least once, no order promised, anything but 200 is a failure: again at once, then with growing pauses, and
what failed together may come back in one POST. Pauses are scaled: 7 days are a few minutes here.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from common.graph.simulator.options import Behaviour, Options
from common.graph.simulator.webhooks import USER_AGENT, encode, envelope, signed_headers

CONNECTIONS = 64
MOST_WAITING = 20_000
MOST_IN_ONE_POST = 200
LONGEST_PAUSE = 60.0
UNREACHABLE = 0  # the status of a POST that found nobody

_Change = Mapping[str, Any]


@dataclass(slots=True, eq=False)
class _Waiting:
    """Changes that were not taken; `due` is loop time."""

    changes: Sequence[_Change]
    wamids: Sequence[str]
    tries: int
    due: float


@dataclass(slots=True)
class Counters:
    """What became of the POSTs."""

    posted: int = 0
    taken: int = 0
    refused: int = 0
    redelivered: int = 0
    dropped: int = 0
    last_status: int | None = None


@dataclass(slots=True)
class WebhookSender:
    """The webhook side of Meta. `taken` is told the wamids of inbound messages once the app has them."""

    options: Options
    behaviour: Callable[[], Behaviour]
    rng: random.Random
    taken: Callable[[Sequence[str], bool], None]
    counters: Counters = field(default_factory=Counters)
    verified: str = "not yet"
    _session: aiohttp.ClientSession | None = None
    _waiting: dict[int, _Waiting] = field(default_factory=dict)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _timers: set[asyncio.TimerHandle] = field(default_factory=set)

    async def start(self) -> None:
        """Open the pool and begin to verify the webhook."""
        connector = aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=30)
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": USER_AGENT}
        )
        if self.options.webhook:
            self._spawn(self._verify(self.options.webhook))

    async def close(self) -> None:
        """Stop everything under way; what waits is forgotten."""
        for timer in self._timers:
            timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session:
            await self._session.close()

    def forget(self) -> None:
        """Give up what waits to be delivered (reset)."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._waiting.clear()

    def later(self, seconds: float, make: Callable[[], _Change | None]) -> None:
        """In `seconds`, make a change and post it; None posts nothing."""

        def due() -> None:
            self._timers.discard(timer)
            change = make()
            if change is not None:
                self._spawn(self.post([change]))

        timer = asyncio.get_running_loop().call_later(seconds, due)
        self._timers.add(timer)

    async def post(self, changes: Sequence[_Change], wamids: Sequence[str] = (), *, tries: int = 0) -> tuple[int, str]:
        """Post changes in one body; what is not taken comes again by itself. Returns the HTTP status and the answer."""
        body = encode(envelope(self.options.waba_id, changes))
        status, answer = await self.post_bytes(body)
        self.taken(wamids, status == 200)
        if status != 200:
            self._again(changes, wamids, tries)
        elif self.rng.random() < self.behaviour().duplicates:
            self.later(self.rng.random() / 5, lambda: self._duplicate(body))
        return status, answer

    async def post_bytes(self, body: bytes, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Post a body once, signed unless `headers` are given. Status 0 means that nobody took the connection."""
        if not self.options.webhook or self._session is None:
            return UNREACHABLE, "no webhook is set"
        self.counters.posted += 1
        timeout = aiohttp.ClientTimeout(total=self.behaviour().webhook_timeout_seconds)
        try:
            async with self._session.post(
                self.options.webhook,
                data=body,
                headers=headers or signed_headers(body, self.options.app_secret),
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                answer = (await response.content.read(2_000)).decode("utf-8", "replace")
                status = response.status
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            status, answer = UNREACHABLE, type(error).__name__
        self.counters.last_status = status
        self.counters.taken += status == 200
        self.counters.refused += status != 200
        return status, answer

    def _duplicate(self, body: bytes) -> None:
        """The same body once more, as when another app of the account failed."""
        self._spawn(self.post_bytes(body))

    def _again(self, changes: Sequence[_Change], wamids: Sequence[str], tries: int) -> None:
        behaviour = self.behaviour()
        full = len(self._waiting) >= MOST_WAITING
        if not behaviour.redelivery or tries >= behaviour.redelivery_attempts or full or not self.options.webhook:
            self.counters.dropped += len(changes)
            return
        pause = 0.0 if tries == 0 else min(behaviour.redelivery_seconds * 2 ** (tries - 1), LONGEST_PAUSE)
        pause *= 1 + self.rng.random() / 4
        loop = asyncio.get_running_loop()
        item = _Waiting(changes, wamids, tries + 1, loop.time() + pause)
        self._waiting[id(item)] = item

        def due() -> None:
            self._timers.discard(timer)
            if id(item) in self._waiting:
                self._spawn(self._redeliver(item, loop.time()))

        timer = loop.call_later(pause, due)
        self._timers.add(timer)

    async def _redeliver(self, first: _Waiting, now: float) -> None:
        """Post what is due in one body, so that it differs from the body that failed."""
        due, room = [first], MOST_IN_ONE_POST - len(first.wamids)
        self._waiting.pop(id(first), None)
        for item in [item for item in self._waiting.values() if item.due <= now + 0.2]:
            room -= max(len(item.wamids), 1)
            if room < 0:
                break
            due.append(self._waiting.pop(id(item)))
        self.counters.redelivered += 1
        changes = [change for item in due for change in item.changes]
        wamids = [wamid for item in due for wamid in item.wamids]
        await self.post(changes, wamids, tries=max(item.tries for item in due))

    async def _verify(self, webhook: str) -> None:
        """Meta's GET with a challenge, repeated until the app answers it rightly."""
        said = ""
        pause = 0.2
        while True:
            self.verified = await self._challenge(webhook)
            if self.verified == "ok":
                return
            if self.verified not in {said, "not reachable"}:
                said = self.verified
                print(f"simulator: webhook {webhook} is not verified: {said}", file=sys.stderr, flush=True)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 3.0)

    async def _challenge(self, webhook: str) -> str:
        """One verification: "ok", "not reachable", or what is wrong."""
        challenge = str(secrets.randbelow(10**9))
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": self.options.verify_token}
        session = self._session
        if session is None:
            return "not reachable"
        try:
            async with session.get(webhook, params=query, timeout=aiohttp.ClientTimeout(total=5)) as response:
                answer = (await response.content.read(200)).decode("utf-8", "replace")
        except (TimeoutError, aiohttp.ClientError, OSError):
            return "not reachable"
        if response.status != 200:
            return f"it answered HTTP {response.status}; is WHATSAPP_VERIFY_TOKEN the same on both sides?"
        return "ok" if answer == challenge else "it did not answer with the bare challenge"

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
