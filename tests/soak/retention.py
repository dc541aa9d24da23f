"""Retention in a soak's time: what the product keeps for weeks goes after minutes, so that a steady state is reached.

The product leaves this to the TTL of each key; here the same keys are deleted once they are older than the soak's
retention, and what the audit needs of them is kept in this process. A key that has no TTL would stay for ever: it is
not deleted but reported.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from common.messages import digest
from common.store import keys
from common.store.vault import Vault
from tests.audit import T
from tests.stack import SECRETS, Stack

AT_REST = frozenset({
    "answered", "for_human", "ignored", "dead", "accepted", "sent", "delivered", "read", "failed", "canceled",
})  # fmt: skip
EVERY = 3  # seconds between two looks
AT_ONCE = 500  # bubbles of one conversation in one look
_FIELDS = ("state", "conv", "job", "at", "turn", "wamid")


@dataclass
class Retention:
    """Deletes messages, turns and wamids that are older than `seconds`, in a thread of its own.

    `kept` is what is left of them, by mid: state, conversation, job. `immortal` are keys that had no TTL. `memory` is
    used_memory of Redis, once a look, as (unix s, bytes).
    """

    stack: Stack
    seconds: float
    kept: dict[str, tuple[str | None, str | None, str | None]] = field(default_factory=dict)
    immortal: set[str] = field(default_factory=set)
    memory: list[tuple[float, int]] = field(default_factory=list)
    _seen: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> Retention:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def typical(self, until: float, seconds: float) -> int:
        """The median of used_memory over the `seconds` before `until`: one moment may lie within a fault."""
        found = sorted(used for at, used in self.memory if until - seconds <= at <= until)
        return found[len(found) // 2] if found else 0

    def _run(self) -> None:
        vault = Vault([SECRETS["ENCRYPTION_KEY"]])
        with self.stack.db() as db:
            while not self._over.wait(1.0):
                try:
                    self.memory.append((time.time(), int(db.info("memory")["used_memory"])))
                    if len(self.memory) % EVERY == 0:
                        for cid in db.zrange(keys.index(T, "all"), 0, -1):
                            self._look(db, vault, cid.decode())
                except RedisError:
                    continue  # a fault; the next look finds it

    def _look(self, db: Redis, vault: Vault, cid: str) -> None:
        """Oldest first, up to the first one that is young or under way; a turn goes with its last message."""
        first = self._seen[cid]
        mids = [mid.decode() for mid in db.lrange(keys.transcript(T, cid), first, first + AT_ONCE - 1)]
        pipe = db.pipeline(transaction=False)
        for mid in mids:
            pipe.hmget(keys.message(T, mid), *_FIELDS)
        doomed: list[str] = []
        gone, until = 0, time.time() - self.seconds
        for mid, row in zip(mids, pipe.execute(), strict=True):
            state, conv, job, at, turn = (value.decode() if value else None for value in row[:5])
            if state is not None and (state not in AT_REST or float(at or 0) > until):
                break
            gone += 1
            if state is None:
                continue  # a look before this one was interrupted by a fault
            self.kept[mid] = (state, conv, job)
            doomed.append(keys.message(T, mid))
            if turn:
                doomed.append(keys.turn(T, turn))
            if row[5]:
                doomed.append(keys.wamid(T, digest(vault.open(row[5]).decode())))
        self._delete(db, doomed)
        self._seen[cid] += gone

    def _delete(self, db: Redis, doomed: list[str]) -> None:
        if not doomed:
            return
        pipe: Any = db.pipeline(transaction=False)
        for key in doomed:
            pipe.ttl(key)
        mortal = []
        for key, ttl in zip(doomed, pipe.execute(), strict=True):
            (self.immortal.add if ttl == -1 else mortal.append)(key)
        if mortal:
            db.unlink(*mortal)
