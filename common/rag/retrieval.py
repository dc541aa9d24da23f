"""The knowledge of a tenant, ready to be searched: `KnowledgeBase.current`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError

from common.ai.base import Snippet
from common.pii.redact import strip_placeholders
from common.rag.fitting import ENOUGH
from common.rag.index import Index
from common.rag.knowledge import Knowledge, Product, load_async
from common.rag.tokens import subjects
from common.store import keys

_SHORT = 2  # words

_log = structlog.get_logger("relevo.knowledge")


class Retriever:
    """Searches one version of a tenant's knowledge; safe to share between tasks and threads."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.version = knowledge.version
        self._index = Index(knowledge)

    def search(self, query: str, *, k: int = 5, earlier: Sequence[str] = ()) -> list[Snippet]:
        """The `k` best rows for `query`, best first; a `confidence` below ENOUGH means: rather do not answer from it.

        Args:
            query: what the customer asks, redacted.
            k: how many rows at most.
            earlier: the customer's messages before it, oldest first. A query that names nothing ("¿y cuánto cuesta?"),
                or so little that nothing is found, is searched together with the last of them.
        """
        query = strip_placeholders(query)
        named = subjects(query)
        found = self._index.search(query, k) if named else []
        if not earlier or named > _SHORT or (found and found[0].confidence >= ENOUGH):
            return found
        again = self._index.search(f"{strip_placeholders(earlier[-1])} {query}", k)
        return again if again and again[0].confidence >= ENOUGH else found


@dataclass(frozen=True, slots=True)
class Loaded:
    """A tenant's knowledge as one version; `products` by id."""

    retriever: Retriever
    products: Mapping[str, Product]
    version: int


class KnowledgeBase:
    """Keeps the newest knowledge of each tenant in memory.

    Args:
        check_every: seconds between looks at the version (one GET).
        clock: monotonic seconds.
    """

    def __init__(self, *, check_every: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._check_every = check_every
        self._clock = clock
        self._loaded: dict[str, Loaded] = {}
        self._checked: dict[str, float] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def current(self, db: AsyncRedis, tenant: str) -> Loaded:
        """The tenant's knowledge, at most `check_every` seconds and one build old.

        While a new version is built, callers get the old one; so they do when Redis fails.

        Raises:
            RedisError: nothing was loaded before, and it cannot be now.
        """
        loaded = self._loaded.get(tenant)
        if loaded and (self._clock() - self._checked[tenant] < self._check_every or self._lock(tenant).locked()):
            return loaded
        async with self._lock(tenant):
            return await self._refresh(db, tenant)

    def _lock(self, tenant: str) -> asyncio.Lock:
        return self._locks.setdefault(tenant, asyncio.Lock())

    async def _refresh(self, db: AsyncRedis, tenant: str) -> Loaded:
        loaded = self._loaded.get(tenant)
        if loaded and self._clock() - self._checked[tenant] < self._check_every:
            return loaded  # another task did it while this one waited
        self._checked[tenant] = self._clock()
        try:
            if loaded and int(await db.get(keys.knowledge_version(tenant)) or 0) == loaded.version:
                return loaded
            knowledge = await load_async(db, tenant)
        except RedisError as error:
            if loaded is None:
                raise
            _log.warning("knowledge_not_refreshed", tenant=tenant, error=type(error).__name__)
            return loaded
        if knowledge.problems:
            _log.warning("knowledge_rows_left_out", tenant=tenant, problems=list(knowledge.problems[:20]))
        retriever = await asyncio.to_thread(Retriever, knowledge)
        products = {product.id: product for product in knowledge.products}
        loaded = self._loaded[tenant] = Loaded(retriever, products, knowledge.version)
        return loaded
