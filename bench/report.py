"""docs/performance.md and its plots, from a result file: `python -m bench report [FILE]`, by default the newest.

Sentences stand in bench/performance.md.in, and so do the figures that it dates; every other one comes from the file.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from bench import bars, results
from bench.in_order import best
from bench.machine import ROOT
from bench.side import OURS, REFERENCE

PAGE, IMAGES = ROOT / "docs" / "performance.md", ROOT / "docs" / "images"
TEMPLATE = ROOT / "bench" / "performance.md.in"
PLOTS = {
    "cpu": "CPU a message or POST, milliseconds",
    "rates": "Messages a second",
    "memory": "Memory of web and worker, MB",
    "console": "Milliseconds to read what a page shows",
}
FLOOR = """The floor: two bare HTTP calls cost {http_ms:.2f} ms of CPU, the {trips:.1f} round trips to Redis of a \
message {redis_ms:.2f} ms, HMAC and JSON of its webhook {webhook_ms:.3f} ms; all together {message_floor_ms:.2f} ms. \
In the same rounds the worker used {worker_ms:.2f} ms a message once it ran, {worker_distance:.1f} times its floor of \
{worker_floor_ms:.2f} ms; web and worker together {message_ms:.2f} ms, {message_distance:.1f} times theirs.
"""
GENERAL = """
The two calls on aiohttp, in the same rounds: {aiohttp_ms:.2f} ms.
"""
Result = Mapping[str, Any]


def page(result: Result, *, file: str, drawn: Sequence[str], template: str) -> str:
    """The whole page. `drawn`: files of docs/images that there are."""
    values = {**_head(result), "file": file, "bars": bars.table(bars.judge(result)), "figures": figures(result)}
    for name, told in PLOTS.items():
        plot = f"performance-{name}.svg"
        values[f"plot_{name}"] = f"![{told}](images/{plot})\n" if plot in drawn else "Not measured in this run.\n"
    values |= {"floor": floor(result), "latency": latency(result), "console": console(result), "queue": queue(result)}
    return Template(template).substitute(values)


def _head(result: Result) -> dict[str, str]:
    machine, settings = result["machine"], result["settings"]
    beside = settings["side_by_side"]
    rounds = settings["rounds"]
    during = [one["foreign_pct"] for groups in result["contestants"].values() for group in groups.values()
              for one in group["rounds"] if "foreign_pct" in one]  # fmt: skip
    return {
        "kind": "A **quick run, too short for its figures to count**," if settings["quick"] else "A full run,",
        "date": result["date"][:16].replace("T", " ") + " UTC", "commit": result["commit"],
        "changed": " with changes not yet committed" if result["changed"] else "",
        "machine": f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']:g} GiB",
        "redis": machine["redis"], "python": machine["python"], "kernel": machine["kernel"],
        "cores": str(machine["cores"]), "foreign": f"{result['load']['foreign_pct']:.0f}",
        "during": f"{statistics.median(during):.0f}" if during else "?",
        "rounds": str(rounds), "rounds_word": "round" if rounds == 1 else "rounds", "rounds_full": "3",
        "stub": settings["tools"]["stub"], "loadgen": settings["tools"]["loadgen"],
        "beside": "" if beside else "; the reference was not measured, so no ratio could be taken",
        "console_jobs": f"{_ours(result, 'console').get('jobs', 1e6):,.0f}",
    }  # fmt: skip


def floor(result: Result) -> str:
    found = _ours(result, "floor")
    if not found:
        return ""
    general = GENERAL.format(**found) if "aiohttp_ms" in found else ""
    return FLOOR.format(**found) + general


def latency(result: Result) -> str:
    """End to end and the acknowledgement, as a table."""
    rows = []
    for name, title in ((OURS, "Relevo"), (REFERENCE, "Express + BullMQ")):
        live, paced = _medians(result, name, "live"), _medians(result, name, "web500")
        if live or paced:
            cells = [_ms(paced.get("p50")), _ms(paced.get("p99")), _ms(live.get("p50")), _ms(live.get("p99"))]
            rows.append([title, *cells])
    if not rows:
        return ""
    possible = best()
    rows.append(["the best possible in order", "", "", _ms(possible.p50), _ms(possible.p99)])
    head = ["", "ack at 500/s, p50 ms", "p99 ms", "live, end to end p50 ms", "p99 ms"]
    return _table([head, *rows]) + "\n"


def console(result: Result) -> str:
    found = _ours(result, "console")
    if not found:
        return ""
    built = f"{found['jobs']:,.0f} jobs and their conversations took {found['built_s']:.0f} s to make"
    return f"{built}, and {found['memory_mb']:,.0f} MB in Redis.\n"


def queue(result: Result) -> str:
    """Queueing a job and running one."""
    found = _ours(result, "jobs")
    if not found:
        return "Not measured in this run.\n"
    rows = [["", "a second", "CPU ms a job", "Redis ms a job"]]
    for name, title in (
        ("enqueue_one", "queue a job, one by one"), ("enqueue_many", "queue jobs, 500 a round trip"),
        ("noop", "run a job that does nothing"), ("incr", "run a job of one INCR"),
        ("bullmq", "the same on BullMQ"),
    ):  # fmt: skip
        if f"{name}_rate" in found:
            used = [found.get(f"{name}_{what}_1k") for what in ("cpu", "redis")]
            cells = ["" if ms is None else f"{ms:.3f}" for ms in used]
            rows.append([title, f"{found[f'{name}_rate']:,.0f}", *cells])
    return _table(rows) + "\n"


def figures(result: Result) -> str:
    """Every median, of ours and of the reference, with the ratio's range over the rounds."""
    rows = [["phase", "figure", "Relevo", "reference", "ratio (rounds)"]]
    for group, about in sorted(result["contestants"].get(OURS, {}).items()):
        theirs = _medians(result, REFERENCE, results.AGAINST.get(group, group))
        for name, value in about["median"].items():
            if name == "round":
                continue
            found = result["ratios"].get(f"{group}.{name}")
            span = ""
            if found:
                by_round = ", ".join(f"{one:.2f}" for one in found["rounds"])
                span = f"{found['median']:.2f} ({by_round})"
            rows.append([group, f"`{name}`", _number(value), _number(theirs.get(name)), span])
    return _table(rows)


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *rest = rows
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rest)) + "\n"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _medians(result: Result, contestant: str, group: str) -> Mapping[str, float]:
    found: Mapping[str, float] = result["contestants"].get(contestant, {}).get(group, {}).get("median", {})
    return found


def _ours(result: Result, group: str) -> Mapping[str, float]:
    return _medians(result, OURS, group)


def main(argv: Sequence[str] = ()) -> None:
    from bench import plots  # noqa: PLC0415  half a second that no measurement needs

    source = Path(argv[0]) if argv else results.newest()
    if source is None:
        sys.exit("there is no result yet: make bench")
    result = json.loads(source.read_text())
    drawn = plots.draw(result, IMAGES)
    text = page(result, file=source.name, drawn=drawn, template=TEMPLATE.read_text())
    PAGE.write_text(text.rstrip() + "\n")
    print(f"{PAGE.relative_to(ROOT)} and {len(drawn)} plots, from {source.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
