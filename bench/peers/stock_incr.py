"""The same job on RQ as it comes: `python -m bench.peers.stock_incr add N | work`."""

import logging
import os
import sys

from redis import Redis
from rq import Queue, SimpleWorker

db = Redis.from_url(os.environ["BENCH_REDIS"])


def incr():
    db.incr("done")


def main():
    queue = Queue("bench", connection=db)
    if sys.argv[1] == "work":
        logging.disable(logging.WARNING)
        SimpleWorker([queue], connection=db).work()
    else:
        with db.pipeline() as pipe:
            for _ in range(int(sys.argv[2])):
                queue.enqueue("bench.peers.stock_incr.incr", pipeline=pipe, result_ttl=0)
            pipe.execute()


if __name__ == "__main__":
    main()
