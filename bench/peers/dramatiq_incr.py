"""The same job on Dramatiq: `python dramatiq_incr.py N` queues N, `dramatiq dramatiq_incr` works."""

import os
import sys

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from redis import Redis

dramatiq.set_broker(RedisBroker(url=os.environ["BENCH_REDIS"]))
db = Redis.from_url(os.environ["BENCH_REDIS"])


@dramatiq.actor(queue_name="bench")
def incr():
    db.incr("done")


if __name__ == "__main__":
    for _ in range(int(sys.argv[1])):
        incr.send()
