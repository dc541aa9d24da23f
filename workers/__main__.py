"""The worker process: `python -m workers`; with `--forking` it runs each job in a process of its own."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import uuid

from common import logs
from common.queueing import manage
from common.queueing.context import about_job
from common.settings import Settings, load
from common.store.connection import connect, connect_async
from workers import forked
from workers.engine import AsyncWorker
from workers.engine.failure import RetryPolicy
from workers.engine.scripts import PLAIN
from workers.engine.startup import wait_for_redis


def build(settings: Settings, *, forking: bool = False) -> AsyncWorker:
    """The worker of these settings, with the hooks of `workers.wiring`."""
    from workers import wiring  # noqa: PLC0415  only this process needs the whole pipeline

    async def start(_worker: AsyncWorker) -> None:
        await wiring.start()

    async def stop(_worker: AsyncWorker) -> None:
        await wiring.stop()

    connection = connect(settings)
    queues = settings.forking_queues if forking else settings.worker_queues
    wait_for_redis(connection, then=lambda: manage.set_limits(connection, queues, settings.queue_limits))
    return AsyncWorker(
        queues,
        f"{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:4]}",
        connection=connection,
        db=connect_async(settings),
        concurrency=settings.forking_concurrency if forking else settings.worker_concurrency,
        lease=settings.worker_lease_seconds,
        retry=RetryPolicy(settings.retry_base_seconds, settings.retry_cap_seconds),
        max_jobs=settings.worker_max_jobs,
        max_memory_mb=settings.worker_max_memory_mb,
        forking=forking,
        prepare_child=forked.prepare,
        scripts=PLAIN if forking else wiring.scripts(settings),
        on_start=start,
        on_stop=stop,
        on_dead=wiring.on_dead,
    )


def main() -> None:
    """Composition root: settings, logs, Redis, worker."""
    parser = argparse.ArgumentParser(prog="python -m workers", description="Runs jobs until it is told to stop.")
    parser.add_argument("--forking", action="store_true", help="serve FORKING_QUEUES, each job in a process of its own")
    args = parser.parse_args()
    settings = load()
    logs.configure("worker", level=settings.log_level, fmt=settings.log_format, about=about_job)
    sys.exit(0 if build(settings, forking=args.forking).work() else 1)


if __name__ == "__main__":
    main()
