"""The plots of docs/performance.md: SVG that comes out the same for the same result, readable at 700 px."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from bench.side import OURS, REFERENCE

WIDTH, BLUE, GREY, ORANGE = 7.0, "#2563a8", "#9aa3ad", "#d9822b"
_STYLE = {
    "svg.hashsalt": "relevo", "svg.fonttype": "path", "font.size": 10, "axes.spines.top": False,
    "axes.spines.right": False, "axes.axisbelow": True, "axes.grid": True, "grid.color": "#e3e6ea", "savefig.dpi": 100,
}  # fmt: skip
Medians = Mapping[str, Mapping[str, float]]


def draw(result: Mapping[str, Any], folder: Path) -> list[str]:
    """Write what the result has figures for; the names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    ours, theirs = medians(result, OURS), medians(result, REFERENCE)
    mpl.use("svg")
    drawn = []
    with mpl.rc_context(_STYLE):
        for name, plot in (("cpu", cpu), ("rates", rates), ("console", console), ("memory", memory)):
            figure = plot(ours, theirs)
            if figure is not None:
                path = folder / f"performance-{name}.svg"
                figure.savefig(path, metadata={"Date": None, "Creator": None}, facecolor="white", bbox_inches="tight")
                plt.close(figure)
                path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")
                drawn.append(path.name)
    return drawn


def medians(result: Mapping[str, Any], contestant: str) -> Medians:
    """By group."""
    groups = result["contestants"].get(contestant, {})
    return {group: found["median"] for group, found in groups.items()}


def cpu(ours: Medians, theirs: Medians) -> Any:
    """CPU of a message, by what it is spent on."""
    rows = [
        ("webhook, a POST at 500/s", "web500", "web_cpu_1k"), ("webhook, a POST at full speed", "web", "web_cpu_1k"),
        ("worker, backlog, instant stubs", "d0", "worker_cpu_1k"),
        ("worker, backlog, AI 200 + Graph 50 ms", "dl", "worker_cpu_1k"),
        ("web + worker, live 100/s", "live", "cpu_1k"),
    ]  # fmt: skip
    shown = [(label, _at(ours, group, name), _at(theirs, group, name)) for label, group, name in rows]
    floor = _at(ours, "floor", "worker_floor_ms")
    if floor:
        shown.insert(2, ("floor: 2 bare calls, bare Redis trips", floor, None))
    return _pairs(shown, "milliseconds of CPU a message or POST (less is better)")


def rates(ours: Medians, theirs: Medians) -> Any:
    """Messages a second of the backlogs."""
    slow = _at(theirs, "dl", "rate")
    shown = [
        ("webhook, acks", _at(ours, "web", "acks_per_s"), _at(theirs, "web", "acks_per_s")),
        ("backlog, instant stubs", _at(ours, "d0", "rate"), _at(theirs, "d0", "rate")),
        ("backlog, AI 200 + Graph 50 ms, 50 at once", _at(ours, "dl", "rate"), slow),
        ("the same, 400 at once", _at(ours, "dl400", "rate"), None),
    ]
    return _pairs(shown, "a second (more is better)")


def console(ours: Medians, _theirs: Medians) -> Any:
    """What the pages read."""
    found = ours.get("console", {})
    names = [name for name in found if f"{name}_max" in found]
    if not names:
        return None
    names.sort(key=lambda name: -found[name])
    figure, axes = _axes(len(names))
    labels = [name.replace("_deep", ", in the middle").replace("_", ": ") for name in names]
    axes.barh(labels, [found[name] for name in names], color=BLUE, height=0.6, label="median of 30")
    axes.plot([found[f"{name}_max"] for name in names], range(len(names)), "|", color=ORANGE, ms=9, label="longest")
    axes.set_xlabel(f"milliseconds to read what a page shows, beside {found['jobs']:,.0f} jobs")
    axes.set_xlim(left=0)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower right", frameon=False)
    return figure


def memory(ours: Medians, theirs: Medians) -> Any:
    """PSS of web and worker."""
    live = _at(ours, "live", "pss_mb"), _at(theirs, "live", "pss_mb")
    shown: list[tuple[str, float | None, float | None]] = [("live 100/s, 50 at once", *live)]
    for slots in sorted(int(name.removeprefix("memory")) for name in ours if name.startswith("memory")):
        held = ours[f"memory{slots}"]
        shown += [(f"idle, {slots} at once", held["idle"], None), (f"all {slots} in use", held["busy"], None)]
    return _pairs(shown, "MB of web + worker, shared pages by their share (PSS)")


def _pairs(rows: Sequence[tuple[str, float | None, float | None]], label: str) -> Any:
    """Bars of ours and the reference's, a row for each; None when there is nothing to show."""
    kept = [row for row in rows if row[1] is not None or row[2] is not None]
    if not kept:
        return None
    beside = any(row[2] is not None for row in kept)
    figure, axes = _axes(len(kept) * (2 if beside else 1))
    for place, (row, mine, their) in enumerate(kept):
        both = mine is not None and their is not None
        own = ORANGE if row.startswith("floor") else BLUE
        for value, shift, colour in ((mine, -0.2, own), (their, 0.2, GREY)):
            if value is not None:
                at, told = place + (shift if both else 0), f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
                axes.barh(at, value, height=0.38, color=colour)
                axes.annotate(told, (value, at), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_yticks(range(len(kept)), [row[0] for row in kept])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(label)
    axes.barh(0, 0, color=BLUE, label="Relevo")
    if beside:
        axes.barh(0, 0, color=GREY, label="Express + BullMQ")
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2, frameon=False)
    return figure


def _axes(bars: int) -> tuple[Any, Axes]:
    return plt.subplots(figsize=(WIDTH, 1.1 + 0.27 * bars), layout="constrained")


def _at(found: Medians, group: str, name: str) -> float | None:
    return found.get(group, {}).get(name)
