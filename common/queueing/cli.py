"""`relevo queues ...`: queues, jobs and repeats from a terminal; as a table, or as JSON for scripts."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import orjson
from redis import Redis
from redis.exceptions import RedisError

from common.queueing import events, inspect, manage, progress, repeat
from common.settings import load
from common.store.connection import connect

Args = argparse.Namespace
Answer = Any  # what a command found: rows (list of dicts), one thing (dict), or a sentence


def run(db: Redis, argv: Sequence[str], *, now: float) -> int:
    """Carry out one command line and print what came of it; 0, or 1 when there was nothing to do."""
    args = _parser().parse_args(argv)
    command: Callable[[Redis, Args, float], Answer] = args.run
    try:
        answer = command(db, args, now)
    except ValueError as error:
        print(f"relevo: {error}", file=sys.stderr)
        return 2
    if answer is None:
        print("relevo: no such job, or not in a state for this", file=sys.stderr)
        return 1
    print(orjson.dumps(answer, default=str, option=orjson.OPT_INDENT_2).decode() if args.json else _shown(answer))
    return 0


def main() -> None:
    """Composition root."""
    db = connect(load())
    try:
        sys.exit(run(db, sys.argv[1:], now=time.time()))
    except RedisError as error:
        sys.exit(f"relevo: Redis cannot be reached ({type(error).__name__}); see REDIS_URL")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="relevo queues", description="Queues, jobs and repeatable jobs.")
    parser.add_argument("--json", action="store_true", help="JSON in place of a table")
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, function, arguments, text in _COMMANDS:
        one = commands.add_parser(name, help=text, description=text)
        one.set_defaults(run=function)
        for argument in arguments.split():
            flag, _, default = argument.partition("=")
            if flag.startswith("--"):
                one.add_argument(flag, type=type(_value(default)), default=_value(default))
            else:
                one.add_argument(flag)
    return parser


def _counts(db: Redis, _args: Args, now: float) -> Answer:
    names, closed = inspect.queue_names(db), manage.paused(db)
    found = inspect.counts(db, names)
    return [
        {"queue": name, **found[name], "oldest_s": inspect.oldest_queued(db, name, now=now), "paused": name in closed}
        for name in names
    ]


def _jobs(db: Redis, args: Args, _now: float) -> Answer:
    page = inspect.list_jobs(db, args.queue, args.state, offset=args.offset, limit=args.limit)
    shown = ("id", "func", "lane", "attempt", "attempts", "error", "worker")
    return [{name: getattr(row, name) for name in shown} for row in page.rows]


def _show(db: Redis, args: Args, _now: float) -> Answer:
    detail = inspect.job_detail(db, args.job)
    if detail is None:
        return None
    out = asdict(detail)
    told = {"progress": progress.read_progress(db, args.job), "log": progress.read_log(db, args.job)}
    return {**out.pop("row"), **out, **told}


def _retry(db: Redis, args: Args, now: float) -> Answer:
    return "queued again" if manage.retry(db, args.job, now=now) else None


def _retry_all(db: Redis, args: Args, now: float) -> Answer:
    return f"{manage.retry_all(db, args.queue, now=now, limit=args.limit)} jobs queued again"


def _delete(db: Redis, args: Args, now: float) -> Answer:
    return "deleted" if manage.delete(db, args.job, now=now) else None


def _promote(db: Redis, args: Args, now: float) -> Answer:
    return "queued" if manage.promote(db, args.job, now=now) else None


def _pause(db: Redis, args: Args, _now: float) -> Answer:
    manage.pause(db, args.queue)
    return f"{args.queue} is paused; running jobs end"


def _resume(db: Redis, args: Args, _now: float) -> Answer:
    manage.resume(db, args.queue)
    return f"{args.queue} goes on"


def _empty(db: Redis, args: Args, now: float) -> Answer:
    return f"{manage.empty(db, args.queue, now=now)} waiting jobs deleted"


def _clean(db: Redis, args: Args, now: float) -> Answer:
    gone = manage.clean(db, args.queue, args.state, older_than=args.older, now=now, limit=args.limit)
    return f"{gone} jobs deleted"


def _workers(db: Redis, _args: Args, _now: float) -> Answer:
    return [{**asdict(row), "jobs": len(row.jobs)} for row in inspect.workers(db)]


def _events(db: Redis, args: Args, _now: float) -> Answer:
    return [asdict(event) for event in events.recent(db, args.queue, after=args.after, count=args.limit)]


def _repeats(db: Redis, _args: Args, _now: float) -> Answer:
    return [
        {"id": row.repeat.id, "queue": row.repeat.queue, "schedule": row.repeat.cron or f"{row.repeat.every:g} s",
         "zone": row.repeat.zone, "next": row.next_at, "last": row.last_at, "runs": row.runs, "missed": row.missed}
        for row in repeat.rows(db)
    ]  # fmt: skip


def _run_now(db: Redis, args: Args, now: float) -> Answer:
    return repeat.run_now(db, args.repeat, now=now)


_COMMANDS: tuple[tuple[str, Callable[[Redis, Args, float], Answer], str, str], ...] = (
    ("counts", _counts, "", "jobs by queue and state"),
    ("jobs", _jobs, "queue state --offset=0 --limit=50", "a page of a queue's jobs in one state"),
    ("show", _show, "job", "all that is known of a job"),
    ("retry", _retry, "job", "run a failed job again"),
    ("retry-all", _retry_all, "queue --limit=10000", "run a queue's failed jobs again"),
    ("delete", _delete, "job", "delete a job that does not run"),
    ("promote", _promote, "job", "run a scheduled job now"),
    ("pause", _pause, "queue", "take no more jobs of a queue"),
    ("resume", _resume, "queue", "take jobs of a queue again"),
    ("empty", _empty, "queue", "delete what waits in a queue"),
    ("clean", _clean, "queue state --older=0.0 --limit=10000", "delete jobs of a state that are older, in seconds"),
    ("workers", _workers, "", "workers and what they do"),
    ("events", _events, "queue --after=$0 --limit=100", "what happened lately"),
    ("repeats", _repeats, "", "repeatable jobs"),
    ("run-now", _run_now, "repeat", "run a repeatable job beside its schedule"),
)


def _value(text: str) -> int | float | str:
    """The default of an option, and with it the option's type; `$0` is the text 0."""
    if text.startswith("$"):
        return text[1:]
    return float(text) if "." in text else int(text)


def _shown(answer: Answer) -> str:
    if isinstance(answer, str):
        return answer
    if isinstance(answer, dict):
        return "\n".join(f"{name:14} {_cell(value)}" for name, value in answer.items())
    return _table(answer) if answer else "none"


def _table(rows: Sequence[dict[str, Any]]) -> str:
    lines = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    padded = (map(str.ljust, line, widths) for line in lines)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    return "-" if value is None or value == "" else str(value)


if __name__ == "__main__":
    main()
