"""A worker process for tests: `python -m tests.faults.engine_process '<json options>'`."""

from __future__ import annotations

import json
import logging
import os
import sys

from redis import Redis

from tests.faults.engine_jobs import PATH
from workers.engine import AsyncWorker, DeadJob
from workers.engine.failure import RetryPolicy


def main() -> None:
    options = json.loads(sys.argv[1])
    logging.basicConfig(level=options.pop("log", "WARNING"), format="%(process)d %(asctime)s %(message)s")
    os.environ["TEST_REDIS_URL"] = options["url"]
    connection = Redis.from_url(options.pop("url"), retry_on_timeout=True)
    retry = RetryPolicy(options.pop("base", 0.05), options.pop("cap", 0.5))
    burst = options.pop("burst", False)

    async def on_dead(job: DeadJob) -> None:
        connection.rpush("dead", f"{job.id} {job.reason}")

    queues = options.pop("queues", ["q"])
    worker = AsyncWorker(queues, connection=connection, allow=[PATH], retry=retry, on_dead=on_dead, **options)
    sys.exit(0 if worker.work(burst=burst) else 3)


if __name__ == "__main__":
    main()
