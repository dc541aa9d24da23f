"""`relevo queues ...`: queues, jobs and repeats from a terminal; as a table, or as JSON for scripts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import orjson
from redis import Redis

from common.queueing import events, failures, inspect, manage, progress, repeat
from common.queueing.states import named, rq_state

Args = argparse.Namespace
ALL = "all"  # in place of a queue
Answer = Any  # what a command found: rows (list of dicts), one thing (dict), or a sentence


def run(connect: Callable[[], Redis], argv: Sequence[str], *, now: float) -> int:
    """Carry out one command line and print what came of it; 0, 1 when there was nothing to do, 2 when it is wrong."""
    args = _parser().parse_args(argv)
    command: Callable[[Redis, Args, float], Answer] = args.run
    try:
        answer = command(connect(), args, now)
    except ValueError as error:
        print(f"relevo: {error}", file=sys.stderr)
        return 2
    if answer is None:
        print("relevo: no such job, or not in a state for this", file=sys.stderr)
        return 1
    print(shown(answer, as_json=args.json))
    return 0


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
    names, closed, all_paused = inspect.queue_names(db), manage.paused(db), manage.all_paused(db)
    found = inspect.counts(db, names)
    return [
        {"queue": name, **named(found[name], paused=name in closed or all_paused),
         "oldest_s": inspect.oldest_queued(db, name, now=now)}
        for name in names
    ]


def _jobs(db: Redis, args: Args, _now: float) -> Answer:
    page = inspect.list_jobs(db, args.queue, rq_state(args.state), offset=args.offset, limit=args.limit)
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
    done = manage.retry_all(db, args.queue, now=now, limit=args.limit, error=args.error, told=_told)
    return f"{done} jobs queued again"


def _errors(db: Redis, args: Args, _now: float) -> Answer:
    return [asdict(group) for group in failures.groups(db, args.queue)]


def _delete(db: Redis, args: Args, now: float) -> Answer:
    return "deleted" if manage.delete(db, args.job, now=now) else None


def _promote(db: Redis, args: Args, now: float) -> Answer:
    return "queued" if manage.promote(db, args.job, now=now) else None


def _pause(db: Redis, args: Args, _now: float) -> Answer:
    if args.queue == ALL:
        manage.pause_all(db)
        return "no queue is served; running jobs end"
    manage.pause(db, args.queue)
    return f"{args.queue} is paused; running jobs end"


def _resume(db: Redis, args: Args, _now: float) -> Answer:
    if args.queue == ALL:
        manage.resume_all(db)
        return "all queues go on, but those that were paused one by one"
    manage.resume(db, args.queue)
    return f"{args.queue} goes on"


def _empty(db: Redis, args: Args, now: float) -> Answer:
    return f"{manage.empty(db, args.queue, now=now, told=_told)} waiting jobs deleted"


def _drain(db: Redis, args: Args, now: float) -> Answer:
    drained = manage.drain(db, args.queue, now=now, wait=args.wait, told=_told)
    if drained.running:
        raise ValueError(f"{drained.running} jobs still run after {args.wait:g} s: nothing was deleted")
    return f"{drained.deleted} waiting jobs deleted"


def _clean(db: Redis, args: Args, now: float) -> Answer:
    state = rq_state(args.state)
    gone = manage.clean(db, args.queue, state, older_than=args.older, now=now, limit=args.limit, told=_told)
    return f"{gone} jobs deleted"


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


def _told(done: int, left: int) -> None:
    """How far bulk work is, for whoever sits at the terminal."""
    if sys.stderr.isatty():
        print(f"\r{done} done, {left} left ", end="", file=sys.stderr)


_COMMANDS: tuple[tuple[str, Callable[[Redis, Args, float], Answer], str, str], ...] = (
    ("counts", _counts, "", "jobs by queue and state"),
    ("jobs", _jobs, "queue state --offset=0 --limit=50", "a page of a queue's jobs in one state"),
    ("show", _show, "job", "all that is known of a job"),
    ("retry", _retry, "job", "run a failed job again"),
    ("retry-all", _retry_all, "queue --limit=10000 --error=$", "run a queue's failed jobs again; by error, see errors"),
    ("errors", _errors, "queue", "a queue's failed jobs by error"),
    ("delete", _delete, "job", "delete a job that does not run"),
    ("promote", _promote, "job", "run a scheduled job now"),
    ("pause", _pause, "queue", "take no more jobs of a queue, or of `all`"),
    ("resume", _resume, "queue", "take jobs of a queue, or of `all`, again"),
    ("empty", _empty, "queue", "delete what waits in a queue"),
    ("drain", _drain, "queue --wait=30.0", "wait for running jobs, then delete what waits"),
    ("clean", _clean, "queue state --older=0.0 --limit=10000", "delete jobs of a state that are older, in seconds"),
    ("events", _events, "queue --after=$0 --limit=100", "what happened lately"),
    ("repeats", _repeats, "", "repeatable jobs"),
    ("run-now", _run_now, "repeat", "run a repeatable job beside its schedule"),
)


def _value(text: str) -> int | float | str:
    """The default of an option, and with it the option's type; `$0` is the text 0."""
    if text.startswith("$"):
        return text[1:]
    return float(text) if "." in text else int(text)


def shown(answer: Answer, *, as_json: bool = False) -> str:
    """An answer as a terminal or a script gets it."""
    if as_json:
        return orjson.dumps(answer, default=str, option=orjson.OPT_INDENT_2).decode()
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

