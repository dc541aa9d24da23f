"""Side by side with the peer harness: its contestants and ours, in turns, in the same rounds.

Its rows become groups of figures by contestant; ours with 400 jobs at once joins as group `dl400`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench import places
from bench.figures import Round
from bench.machine import ROOT

ENTRY = ROOT / "bench" / "peer.json"
REFERENCE, OURS, WIDE = "bullmq-express", "relevo", "relevo-400"
#: Seconds of its phases, and of waiting for a quiet moment before each.
FULL = ("--web-s", "4", "--drain-s", "6", "--live-s", "10", "--quiet-s", "4")
QUICK = ("--web-s", "2", "--drain-s", "4", "--live-s", "5", "--quiet-s", "2")
Groups = dict[str, list[Round]]  # figures of each round, by group


def run(harness: Path, *, rounds: int, quick: bool, also: Iterable[str] = ()) -> dict[str, Groups]:
    """Figures by contestant and group; what fails in a round is left out, and the harness says so on stderr.

    Raises:
        subprocess.CalledProcessError: the harness failed, for one because its ports are taken.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "wide.json").write_text(json.dumps(wide(json.loads(ENTRY.read_text()))))
        out = folder / "rows.jsonl"
        command = [
            sys.executable, str(harness / "run.py"), REFERENCE, *also, "--external", str(ENTRY),
            "--external", str(folder / "wide.json"), "--rounds", str(rounds), "--out", str(out),
            "--log", str(folder / "contestants.log"),
            *(QUICK if quick else FULL),
        ]  # fmt: skip
        environment = {**os.environ, "PEER_DIR": str(places.installed()), "PYTHONDONTWRITEBYTECODE": "1"}
        _finish(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL))
        lines = out.read_text().splitlines() if out.exists() else []
    return grouped(json.loads(line) for line in lines)


def _finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for the harness. When we have to go first, it is told, and ends what it has started."""
    try:
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait(30)
        raise
    if code:
        raise subprocess.CalledProcessError(code, process.args)


def wide(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Our entry with 400 jobs at once, for the slow drain only; the backlog is sized for four times the peer's rate."""
    return {
        **entry, "name": WIDE, "cwd": str(ROOT), "env": {**entry["env"], "WORKER_CONCURRENCY": "400"},
        "estl": 1200, "phases": "dl",
    }  # fmt: skip


def grouped(rows: Iterable[Mapping[str, Any]]) -> dict[str, Groups]:
    """Rows of the harness by contestant and group; each round knows its number."""
    found: dict[str, Groups] = {}
    for row in rows:
        name = OURS if row["contestant"] == WIDE else row["contestant"]
        groups = found.setdefault(name, {})
        for group, figures in row.items():
            if isinstance(figures, dict):
                kept = {key: float(value) for key, value in figures.items() if isinstance(value, int | float)}
                label = f"{group}400" if row["contestant"] == WIDE else group
                groups.setdefault(label, []).append({"round": float(row["round"]), **kept})
    return found
