"""`relevo`: queues and workers from a terminal. `relevo queues --help`, `relevo workers --help`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from redis import Redis
from redis.exceptions import RedisError
from rq.command import send_shutdown_command

from common.queueing import cli as queues_cli
from common.queueing import inspect
from common.settings import load
from common.store.connection import connect

USAGE = """usage: relevo queues ...    queues, jobs and repeatable jobs
       relevo workers ...   worker processes"""


def run(db: Callable[[], Redis], argv: Sequence[str], *, now: float) -> int:
    """Carry out one command line; the exit code (2: it cannot be understood). `db` is asked for when one is needed."""
    group, rest = (argv[0], argv[1:]) if argv else ("", ())
    if group == "queues":
        return queues_cli.run(db, rest, now=now)
    if group == "workers":
        return _workers(db, rest)
    print(USAGE, file=sys.stdout if group in {"-h", "--help"} else sys.stderr)
    return 0 if group in {"-h", "--help"} else 2


def _workers(db: Callable[[], Redis], argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="relevo workers", description="Worker processes.")
    parser.add_argument("--json", action="store_true", help="JSON in place of a table")
    commands = parser.add_subparsers(required=True, metavar="command", dest="command")
    commands.add_parser("list", help="workers and what they do")
    stop = commands.add_parser("stop", help="let a worker end its jobs and go; whoever supervises it starts it again")
    stop.add_argument("name", help="as `relevo workers list` shows it, or `all`")
    args = parser.parse_args(argv)
    rows = inspect.workers(db())
    if args.command == "list":
        print(queues_cli.shown([{**asdict(row), "jobs": len(row.jobs)} for row in rows], as_json=args.json))
        return 0
    names = [row.name for row in rows if args.name in {row.name, queues_cli.ALL}]
    for name in names:
        send_shutdown_command(db(), name)
    print(f"{len(names)} workers told to stop" if names else "relevo: no such worker")
    return 0 if names else 1


def main() -> None:
    """Composition root."""
    try:
        sys.exit(run(lambda: connect(load()), sys.argv[1:], now=time.time()))
    except RedisError as error:
        sys.exit(f"relevo: Redis cannot be reached ({type(error).__name__}); see REDIS_URL")


if __name__ == "__main__":
    main()
