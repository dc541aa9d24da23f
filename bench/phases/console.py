"""What Overview, Jobs and Inbox read, ms each, beside a queue of a million jobs and 10,000 conversations.

Each read is done 30 times: the median, and the longest as `_max`. Built once, whatever the number of rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import orjson
from redis import Redis

from bench import million
from bench.engine import QUEUE, connect, server
from bench.figures import percentile
from bench.loader import text_body
from bench.phases.size import Figures, Size, alone
from common.channels.whatsapp.payload import parse
from common.conversations import reads
from common.conversations.commands import day
from common.conversations.scripts import DEAD_TURN
from common.messages import DEFAULT_TENANT as TENANT
from common.messages import InboundMessage
from common.queueing import inspect, keys, manage, queues
from common.settings import Settings
from common.store.vault import Vault
from console.data.inbox import SHOWS
from webhook_app.ingest import Ingest
from workers.engine.duties import sample

JOBS, CONVERSATIONS, TIMES = 1_000_000, 10_000, 30
ALL = (*queues.ALL, QUEUE)


def measure(size: Size) -> Figures:
    jobs = JOBS // 10 if size.quick else JOBS
    with server() as url, connect(url) as db:
        began = time.perf_counter()
        million.build(db, jobs)
        converse(db, size.count(CONVERSATIONS))
        remember(db)
        built = time.perf_counter() - began
        found = {"jobs": float(jobs), "built_s": built, "memory_mb": db.info("memory")["used_memory"] / 1e6}
        for name, read in pages(db):
            waited = sorted(_ms(read) for _ in range(TIMES))
            found |= {name: percentile(waited, 0.5), f"{name}_max": waited[-1]}
    return {"console": found}


def pages(db: Redis) -> Iterator[tuple[str, Callable[[], object]]]:
    """What each page reads when it is opened, by its name."""
    yield "overview", lambda: overview(db)
    for state in inspect.STATES:
        total = inspect.counts(db, [QUEUE])[QUEUE][state]
        yield f"jobs_{state}", lambda state=state: jobs_page(db, state, 0)
        yield f"jobs_{state}_deep", lambda state=state, deep=total // 2: jobs_page(db, state, deep)
    for name, index in SHOWS.items():
        yield f"inbox_{name}", lambda index=index, name=name: inbox(db, index, "ana" if name == "mine" else None)


def overview(db: Redis) -> None:
    now = time.time()
    counts = inspect.counts(db, ALL)
    inspect.workers(db)
    reads.waiting_people(db, TENANT, now=now)
    reads.counts(db, TENANT)
    reads.day_counters(db, TENANT, now=now)
    for queue in (name for name in ALL if counts[name]["queued"]):
        inspect.oldest_queued(db, queue, now=now)
    reads.numbers(db, TENANT)
    reads.list_conversations(db, TENANT, index="waiting", limit=7)
    inspect.counts(db, ALL)
    manage.paused(db)
    inspect.samples(db, since=now - 3600)


def jobs_page(db: Redis, state: str, offset: int) -> None:
    inspect.counts(db, [QUEUE])
    manage.paused(db)
    rows = inspect.list_jobs(db, QUEUE, state, offset=offset).rows
    reads.names_of(db, TENANT, [row.lane for row in rows])


def inbox(db: Redis, index: str, agent: str | None) -> None:
    reads.counts(db, TENANT)
    reads.list_conversations(db, TENANT, index=index, limit=reads.PAGE, agent=agent)


def converse(db: Redis, count: int) -> None:
    """That many customers have written; every tenth waits for a person."""
    door = Ingest(db, Vault(["bench"]), Settings(quiet_seconds=0))
    now = time.time()
    for start in range(0, count, 500):
        bodies = (text_body(n, n, 0, "bench") for n in range(start, min(start + 500, count)))
        updates = [update for body in bodies for update in parse(orjson.loads(body), received=now)]
        door.accept(updates, now=now)
        for message in updates[::10]:
            if isinstance(message, InboundMessage):
                DEAD_TURN(db, TENANT, now, day(now), message.mid, "bench")


def remember(db: Redis) -> None:
    """An hour of samples, for the chart."""
    now = time.time()
    row = orjson.dumps(sample(db, now=now))
    pipe = db.pipeline(transaction=False)
    for n in range(720):
        pipe.xadd(keys.samples(5), {"q": row}, id=f"{int((now - 3600 + 5 * n) * 1000)}-0")
    pipe.execute()


def _ms(read: Callable[[], object]) -> float:
    began = time.perf_counter()
    read()
    return (time.perf_counter() - began) * 1000


def main(argv: Sequence[str] = ()) -> None:
    alone(measure, argv)
