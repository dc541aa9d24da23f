"""The shop's knowledge in a real Redis: saving, versions, reloading."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import ConnectionError as RedisConnectionError

from common.rag.knowledge import FAQ, KnowledgeError, Product, delete, load, load_async, save
from common.rag.retrieval import KnowledgeBase, Loaded
from common.sample.load import knowledge
from common.sample.load import load as load_sample
from common.store import keys

pytestmark = pytest.mark.redis

SOAP = Product("jabon", "Jabón de avena", "Limpia.", price="18900", aliases=("barra",), images=("/media/a.png",))
SHIPPING = FAQ("envio", "¿Cuánto cuesta el envío?", "Cuesta $ 9.900.", aliases=("domicilio",))


class Hands:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def on(url: str, work: Callable[[AsyncRedis], Awaitable[None]]) -> None:
    async def run() -> None:
        async with AsyncRedis.from_url(url) as client:
            await work(client)

    asyncio.run(run())


def test_what_is_saved_is_loaded_and_every_change_grows_the_version(db: Redis, redis_url: str) -> None:
    """Blocking and asyncio alike."""
    assert save(db, "t", products=[SOAP], faqs=[SHIPPING]) == 1
    kept = load(db, "t")
    assert (kept.products, kept.faqs, kept.version, kept.problems) == ((SOAP,), (SHIPPING,), 1, ())
    assert delete(db, "t", products=["jabon"]) == 2
    assert save(db, "t", faqs=[FAQ("pago", "¿Cómo pago?", "Con PSE.")], replace=True) == 3

    async def check(client: AsyncRedis) -> None:
        now = await load_async(client, "t")
        assert [faq.id for faq in now.faqs] == ["pago"]
        assert now.products == ()

    on(redis_url, check)


def test_a_wrong_row_saves_nothing(db: Redis) -> None:
    """All or none."""
    with pytest.raises(KnowledgeError):
        save(db, "t", products=[SOAP], faqs=[FAQ("x", "", "y")])
    assert load(db, "t").version == 0
    assert not db.exists(keys.products("t"))


def test_a_broken_stored_row_is_left_out_and_told(db: Redis) -> None:
    """It silences itself, not the shop."""
    save(db, "t", products=[SOAP], faqs=[SHIPPING])
    db.hset(keys.knowledge("t"), "broken", b"{")
    db.hset(keys.products("t"), b"\xff", b'{"name": "x", "description": "y"}')
    kept = load(db, "t")
    assert (kept.products, kept.faqs) == ((SOAP,), (SHIPPING,))
    assert len(kept.problems) == 2


def test_tenants_do_not_see_each_others_knowledge(db: Redis) -> None:
    """Keys carry the tenant."""
    save(db, "a", products=[SOAP])
    assert load(db, "b").products == ()


def test_a_new_version_is_seen_within_a_second_and_the_version_is_read_once_a_second(db: Redis, redis_url: str) -> None:
    """Between two looks nothing is asked; the same version is not built again."""
    save(db, "t", products=[SOAP])
    clock = Hands()
    base = KnowledgeBase(clock=clock)

    async def check(client: AsyncRedis) -> None:
        first = await base.current(client, "t")
        assert first.products["jabon"] == SOAP
        assert first.retriever.search("jabon de avena")[0].id == "jabon"
        save(db, "t", faqs=[SHIPPING])
        calls = db.info("commandstats")["cmdstat_get"]["calls"]
        assert await base.current(client, "t") is first
        assert db.info("commandstats")["cmdstat_get"]["calls"] == calls
        clock.at += 1.1
        second = await base.current(client, "t")
        assert second.version == 2
        assert second.retriever.search("domicilio")[0].id == "envio"
        clock.at += 1.1
        assert await base.current(client, "t") is second

    on(redis_url, check)


def test_many_first_callers_share_one_build(db: Redis, redis_url: str) -> None:
    """The first burst after a start."""
    load_sample(db, "t")

    async def check(client: AsyncRedis) -> None:
        base = KnowledgeBase(clock=Hands())
        loaded = await asyncio.gather(*(base.current(client, "t") for _ in range(30)))
        assert len({id(item) for item in loaded}) == 1

    on(redis_url, check)


def test_the_old_knowledge_serves_while_the_new_one_is_built(db: Redis, redis_url: str) -> None:
    """Nobody waits for a reload but the one that noticed."""
    load_sample(db, "t")
    clock = Hands()
    base = KnowledgeBase(clock=clock)

    async def check(client: AsyncRedis) -> None:
        old = await base.current(client, "t")
        save(db, "t", faqs=[SHIPPING])
        clock.at += 2
        first = asyncio.create_task(base.current(client, "t"))
        await asyncio.sleep(0)
        assert await base.current(client, "t") is old
        assert (await first).version == 2

    on(redis_url, check)


def test_redis_gone_keeps_the_knowledge_and_a_first_load_says_so(db: Redis, redis_url: str) -> None:
    """An outage of Redis does not empty the shop."""
    save(db, "t", products=[SOAP])
    clock = Hands()
    base = KnowledgeBase(clock=clock)
    loaded: list[Loaded] = []

    async def first(client: AsyncRedis) -> None:
        loaded.append(await base.current(client, "t"))

    async def gone(client: AsyncRedis) -> None:
        clock.at += 2
        assert await base.current(client, "t") is loaded[0]
        with pytest.raises(RedisConnectionError):
            await base.current(client, "other")

    on(redis_url, first)
    on("redis://127.0.0.1:9/0", gone)


def test_the_sample_shop_is_loaded_once(db: Redis) -> None:
    """A second load changes nothing; a shop's own rows stay."""
    save(db, "t", products=[SOAP])
    version = load_sample(db, "t")
    assert load_sample(db, "t") == version == 2
    kept = load(db, "t")
    assert len(kept.products) == len(knowledge().products) + 1
    assert kept.problems == ()
