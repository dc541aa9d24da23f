"""All phases in rounds, side by side with the peer harness where it is at hand; writes bench/results/.

`python -m bench all [--quick] [--rounds N] [--peer DIR] [--also NAME] [--alone] [--only PHASE,...]`
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from bench import bars, machine, places, results, rig, side
from bench.engine import connect, server
from bench.phases.size import Figures, Size, show

#: Measured by the harness for ours as well.
SHARED = ("webhook", "drain", "live")
OWN = ("statuses", "jobs", "memory", "scaling", "floor")
ONCE = ("console",)
PHASES = (*SHARED, *OWN, *ONCE)


def main(argv: Sequence[str] = ()) -> None:
    asked = arguments(argv)
    harness = None if asked.alone else places.harness(asked.peer)
    if harness is None:
        print(f"{'as asked' if asked.alone else 'no peer harness here (see bench/places.py)'}: ours alone", flush=True)
    head = heading(asked)
    contestants: dict[str, side.Groups] = {}
    if harness and set(asked.only) & set(SHARED):
        contestants = beside(harness, asked)
    head["settings"]["side_by_side"] = bool(contestants)
    ours = contestants.setdefault(side.OURS, {})
    skipped = SHARED if ours else ()
    for number in range(1, asked.rounds + 1):
        for phase in asked.only:
            if phase not in skipped and (phase not in ONCE or number == 1):
                add(ours, number, attempt(phase, Size(quick=asked.quick)))
        result = results.content(head, contestants)
        path = results.write(result)  # after each round: what is measured stays, whatever comes
    print(f"\n{bars.table(bars.judge(result))}\n\n{path.relative_to(machine.ROOT)}: `python -m bench report` shows it")


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench all", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: shows that all works, not how fast")
    parser.add_argument("--rounds", type=int, default=0, help="3, or 1 with --quick")
    parser.add_argument("--peer", default="", help="the folder of the peer harness; default $PEER_DIR, ../shared/peer")
    parser.add_argument("--also", action="append", default=[], help="another contestant of the harness")
    parser.add_argument("--alone", action="store_true", help="without the peer harness")
    parser.add_argument("--only", default=",".join(PHASES), help=f"some of {', '.join(PHASES)}")
    asked = parser.parse_args(argv)
    asked.rounds = asked.rounds or (1 if asked.quick else 3)
    asked.only = asked.only.split(",")
    if unknown := set(asked.only) - set(PHASES):
        parser.error(f"no phase {', '.join(sorted(unknown))}: there are {', '.join(PHASES)}")
    return asked


def beside(harness: Path, asked: argparse.Namespace) -> dict[str, side.Groups]:
    """Figures by contestant; none when the harness fails."""
    try:
        return side.run(harness, rounds=asked.rounds, quick=asked.quick, also=asked.also)
    except subprocess.CalledProcessError as error:
        print(f"the peer harness failed ({error.returncode}): ours alone", file=sys.stderr, flush=True)
        return {}


def heading(asked: argparse.Namespace) -> dict[str, Any]:
    """What the figures were measured on and with."""
    commit, changed = machine.commit()
    with server() as url, connect(url) as db:
        redis = machine.redis_version(db)
    return {
        "date": results.now(), "commit": commit, "changed": changed,
        "machine": {**machine.describe(), "redis": redis},
        "load": {"average": os.getloadavg()[0], "foreign_pct": machine.load_now()},
        "settings": {
            "quick": asked.quick, "rounds": asked.rounds, "phases": asked.only,
            "tools": rig.tools(), "relevo": rig.SETTINGS,
        },
    }  # fmt: skip


def attempt(phase: str, size: Size) -> Figures:
    """One round of a phase; what fails is told and left out."""
    machine.wait_for_quiet(2 if size.quick else 4)
    began = time.monotonic()
    try:
        found: Figures = import_module(f"bench.phases.{phase}").measure(size)
    except (Exception, SystemExit) as error:  # noqa: BLE001  the other phases' figures are worth keeping
        print(f"{phase} FAILED: {error!r}", file=sys.stderr, flush=True)
        return {}
    show(found)
    print(f"{phase}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return found


def add(groups: side.Groups, number: int, found: Figures) -> None:
    for group, figures in found.items():
        groups.setdefault(group, []).append({"round": float(number), **figures})
