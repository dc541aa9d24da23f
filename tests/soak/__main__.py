"""The soak: steady load, a random fault every few seconds, and an audit of every message at the end.

    python -m tests.soak --minutes 10 --rate 50

Prints a report, writes it as JSON, and ends with 1 when something was lost, doubled, out of order, stuck or has grown.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from common.conversations.commands import day
from common.errors import CommandRefused
from common.queueing import keys as queue_keys
from common.store import keys
from tests.audit import Audit, T, audit
from tests.echo_model import EchoModel, running_model
from tests.faults.conftest import GENEROUS, QUICK
from tests.load import Crowd, desk_of, settle
from tests.soak.breaker import Breaker
from tests.soak.measure import Measure, filling, grown, measure
from tests.soak.retention import Retention
from tests.stack import Stack


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    args = _parser().parse_args(argv)
    folder = Path(tempfile.mkdtemp(prefix="relevo-soak-"))
    with running_model() as model:
        more = {"QUIET_SECONDS": "0.5", "SETTLE_SECONDS": "5", "AI_PATIENCE_SECONDS": "20"}
        stack = Stack(folder, aof="always", **(QUICK | model.settings() | more))
        try:
            stack.start(sim_flags=GENEROUS)
            stack.run("worker", as_name="second")
            report = _soak(stack, model, args)
        finally:
            stack.stop()
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(report, indent=2) + "\n")
    print(f"{_readable(report)}\nreport: {args.json}")
    if report["broken"]:
        print(f"logs: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def _soak(stack: Stack, model: EchoModel, args: argparse.Namespace) -> dict[str, Any]:
    breaker = Breaker(stack, model, random.Random(args.seed))
    over = threading.Event()
    person = threading.Thread(target=_hand_back, args=(stack, over), daemon=True)
    person.start()
    kept = Retention(stack, args.retention or max(15.0, args.minutes * 12)).start()
    with Crowd(stack, 1, contacts=args.contacts, rate=args.rate, duplicates=0.05, sayers=16) as crowd:
        _strike(breaker, args.minutes * 30, args.every)
        half = _measure(stack, kept, len(crowd.said), args)
        _strike(breaker, args.minutes * 30, args.every)
        end = _measure(stack, kept, len(crowd.said), args)
        crowd.hush()
        with stack.db() as db:
            settle(stack, db, crowd.said, seconds=90, kept=kept.kept)
            over.set()
            person.join()
            kept.stop()
            found = audit(db, stack.simulator.ledger(), crowd.said, kept.kept)
            failed = db.zcard(queue_keys.failed("whatsapp-ai")) + db.zcard(queue_keys.failed("messages"))
            counts = {k.decode(): int(v) for k, v in db.hgetall(keys.counters(T, day(time.time()))).items()}
    immortal = [f"without TTL: {key}" for key in sorted(kept.immortal)[:20]]
    broken = [*_broken(found), *grown(half, end, failed), *immortal, *map(repr, crowd.errors)]
    return {
        "minutes": args.minutes, "rate": args.rate, "seed": args.seed, **_figures(found),
        "faults": dict(breaker.done.most_common()), "redeliveries": stack.simulator.health()["counters"],
        "counters": counts, "repaired_by_reconcilers": counts.get("repaired", 0), "repaired_lanes": _lanes(stack),
        "retention_seconds": kept.seconds, "half": half.as_dict(), "end": end.as_dict(), "filling": filling(half, end),
        "broken": broken,
    }  # fmt: skip


def _strike(breaker: Breaker, seconds: float, every: float) -> None:
    """A fault every `every` seconds."""
    until = time.monotonic() + seconds
    while (began := time.monotonic()) < until:
        name = breaker.strike()
        print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
        threading.Event().wait(max(0.0, min(began + every, until) - time.monotonic()))


def _hand_back(stack: Stack, over: threading.Event) -> None:
    """A person at the desk, who gives every chat that waits back to the bot, so that its customer writes on."""
    desk = desk_of(stack)
    with stack.db() as db:
        while not over.wait(0.5):
            try:
                for cid in db.zrange(keys.index(T, "waiting"), 0, -1):
                    desk.hand_back(T, cid.decode(), actor="ana", now=time.time())
            except (RedisError, CommandRefused):
                continue  # the next look finds it


def _measure(stack: Stack, kept: Retention, messages: int, args: argparse.Namespace) -> Measure:
    """Memory is that of the last tenth of the run, in the middle."""
    memory = kept.typical(time.time(), max(10.0, args.minutes * 6))
    with stack.db() as db:
        return measure(db, messages, memory)


def _figures(found: Audit) -> dict[str, Any]:
    return {
        "messages": found.messages, "answered": found.answered, "to_a_person": found.to_a_person,
        "lost": len(found.lost), "doubled": len(found.doubled), "out_of_order": len(found.out_of_order),
        "stuck": len(found.stuck), "delay_p50": round(found.delay(0.5), 3), "delay_p99": round(found.delay(0.99), 3),
        "delay_worst": round(found.delay(1), 3),
    }  # fmt: skip


def _broken(found: Audit) -> list[str]:
    lists = {"lost": found.lost, "doubled": found.doubled, "out of order": found.out_of_order, "stuck": found.stuck}
    return [f"{name}: {line}" for name, lines in lists.items() for line in lines[:20]]


def _lanes(stack: Stack) -> int:
    """How often the scheduler had to set a lane going again."""
    return (stack.folder / "scheduler.log").read_text(errors="replace").count("move again")


def _readable(report: dict[str, Any]) -> str:
    half, end = report["half"], report["end"]
    lines = [
        f"{report['messages']} messages in {report['minutes']:g} minutes, {sum(report['faults'].values())} faults",
        f"answered {report['answered']}, to a person {report['to_a_person']}",
        ", ".join(f"{name} {report[name.replace(' ', '_')]}" for name in ("lost", "doubled", "out of order", "stuck")),
        f"delay p50 {report['delay_p50']} s, p99 {report['delay_p99']} s, worst {report['delay_worst']} s",
        f"repaired by reconcilers {report['repaired_by_reconcilers']}, lanes {report['repaired_lanes']}",
        f"memory {half['used_memory'] / 1e6:.1f} MB at half time, {end['used_memory'] / 1e6:.1f} MB at the end",
        f"of that grew up to their bound {report['filling'] / 1e6:.1f} MB; retention {report['retention_seconds']:g} s",
        f"a message kept {half['bytes_a_message_kept']} bytes at half time, {end['bytes_a_message_kept']} at the end",
        "kB at half time and at the end: " + ", ".join(
            f"{kind} {half['bytes'].get(kind, 0) // 1000}/{n // 1000}"
            for kind, n in sorted(end["bytes"].items(), key=lambda item: -item[1])[:10]
        ),
        "keys at half time and at the end: "
        + ", ".join(f"{kind} {half['keys'].get(kind, 0)}/{n}" for kind, n in end["keys"].items()),
        "faults: " + ", ".join(f"{name} {n}" for name, n in report["faults"].items()),
        *(f"BROKEN {line}" for line in report["broken"]),
    ]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.soak", description="Load, faults, and an audit.")
    add = parser.add_argument
    add("--minutes", type=float, default=10.0, help="how long (default %(default)s)")
    add("--rate", type=float, default=50.0, help="messages a second (default %(default)s)")
    add("--every", type=float, default=5.0, help="seconds between two faults (default %(default)s)")
    add("--contacts", type=int, default=200, help="customers (default %(default)s)")
    add("--retention", type=float, help="seconds that messages are kept (default a fifth of the run, at least 15)")
    add("--seed", type=int, default=1, help="the same faults in the same order (default %(default)s)")
    add("--json", type=Path, default=Path(".relevo/soak.json"), help="where the report goes (default %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
