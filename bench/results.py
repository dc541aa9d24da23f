"""Result files: bench/results/<date>-<commit>.json, and which of them is the newest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.figures import Round, medians, ratios
from bench.machine import ROOT
from bench.side import OURS, REFERENCE

FOLDER = ROOT / "bench" / "results"
#: Groups of ours that stand against another group of the reference.
AGAINST = {"dl400": "dl"}


def content(head: Mapping[str, Any], contestants: Mapping[str, Mapping[str, Sequence[Round]]]) -> dict[str, Any]:
    """What a result file holds: `head`, rounds and medians by contestant and group, and ours / the reference's."""
    return {
        **head,
        "contestants": {
            name: {
                group: {"rounds": [dict(one) for one in rounds], "median": medians(rounds)}
                for group, rounds in groups.items()
            }
            for name, groups in contestants.items()
        },
        "ratios": compared(contestants.get(OURS, {}), contestants.get(REFERENCE, {})),
    }  # fmt: skip


def compared(
    ours: Mapping[str, Sequence[Round]], reference: Mapping[str, Sequence[Round]]
) -> dict[str, dict[str, Any]]:
    """`group.figure` to the ratios by round and their median."""
    found: dict[str, dict[str, Any]] = {}
    for group, rounds in ours.items():
        theirs = reference.get(AGAINST.get(group, group), [])
        for name in medians(rounds):
            by_round = ratios(rounds, theirs, name) if theirs and name != "round" else []
            if by_round:
                found[f"{group}.{name}"] = {"rounds": by_round, "median": medians([{"r": r} for r in by_round])["r"]}
    return found


def name_of(head: Mapping[str, Any]) -> str:
    """Quick runs have a name of their own, so that they never take a full one's place."""
    return f"{head['date'][:10]}-{head['commit']}{'-quick' if head['settings']['quick'] else ''}.json"


def write(result: Mapping[str, Any], folder: Path = FOLDER) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name_of(result)
    path.write_text(json.dumps(_rounded(result), indent=1, sort_keys=True) + "\n")
    return path


def newest(folder: Path = FOLDER) -> Path | None:
    """The latest full run; the latest quick one when there is no full one."""
    found = [(not path.stem.endswith("-quick"), json.loads(path.read_text())["date"], path)
             for path in folder.glob("*.json")]  # fmt: skip
    return max(found)[2] if found else None


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _rounded(value: Any) -> Any:
    """Six digits are more than any of it is worth."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value
