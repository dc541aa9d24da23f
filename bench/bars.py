"""The bars: what speed has to be, what it should be, and what a result file says of both. Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.in_order import best
from bench.side import OURS

Result = Mapping[str, Any]
_SIGNS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt}


@dataclass(frozen=True, slots=True)
class Limit:
    """`<= 1.0`, and how to write it."""

    sign: str
    value: float
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.sign} {self.value:g}{self.unit}"

    def holds(self, measured: float) -> bool:
        return bool(_SIGNS[self.sign](measured, self.value))


@dataclass(frozen=True, slots=True)
class Bar:
    """`find` takes what is judged out of a result; None when it was not measured."""

    name: str
    find: Callable[[Result], float | None]
    least: Limit
    aim: Limit | None = None
    form: str = "{:.2f}"
    excused: Callable[[Result], str] = lambda _result: ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`met` is None when it could not be judged; `word` says it all."""

    name: str
    least: str
    aim: str
    measured: str
    met: bool | None
    word: str


def ratio(key: str) -> Callable[[Result], float | None]:
    """Ours / the reference's in the same round, the median of the rounds."""
    return lambda result: result["ratios"].get(key, {}).get("median")


def figure(group: str, name: str) -> Callable[[Result], float | None]:
    """Our own median."""
    return lambda result: _groups(result).get(group, {}).get("median", {}).get(name)


def highest(group: str, name: str) -> Callable[[Result], float | None]:
    """Our worst round: of few POSTs, a median of percentiles would hide the slow one."""
    return lambda result: max((one[name] for one in _rounds(result, group)), default=None)


def counted(name: str, *groups: str) -> Callable[[Result], float | None]:
    """How often it happened to us, over all rounds."""

    def count(result: Result) -> float | None:
        found = [one[name] for group in groups for one in _rounds(result, group) if name in one]
        return sum(found) if found else None

    return count


def lost(result: Result) -> float | None:
    """Acknowledged messages that were never answered; a drain that is cut off loses none."""
    live = counted("missing", "live")(result)
    late = sum(one["acked"] - one["delivered"] for one in _rounds(result, "late"))
    return None if live is None else live + late


def to_best(name: str) -> Callable[[Result], float | None]:
    """Our live figure / what is possible when a customer's messages are answered one after the other."""
    live = figure("live", name)

    def found(result: Result) -> float | None:
        ours = live(result)
        return None if ours is None else ours / getattr(best(), name)

    return found


def no_room(result: Result) -> str:
    """Why two workers cannot be 1.6 times as fast as one here, when that is so."""
    room = figure("scaling", "ceiling")(result)
    if room is None or room >= SCALING.value:
        return ""
    return f"cores not free: they leave room for {room:.2f}"


SCALING = Limit(">=", 1.6)
_NONE = Limit("<=", 0)
BARS = (
    Bar("webhook, CPU a POST at 500/s", ratio("web500.web_cpu_1k"), Limit("<=", 1.0), Limit("<=", 0.5)),
    Bar("webhook, most acks/s", ratio("web.acks_per_s"), Limit(">=", 1.0), Limit(">=", 2.0)),
    Bar("drain, instant stubs: worker CPU a message", ratio("d0.worker_cpu_1k"), Limit("<=", 2.5), Limit("<=", 1.2)),
    Bar("drain, AI 200 ms + Graph 50 ms, 50 at once: messages/s", ratio("dl.rate"), Limit(">=", 1.0)),
    Bar("the same with 400 at once, against the peer's 50", ratio("dl400.rate"), Limit(">=", 1.0), Limit(">=", 4.0)),
    Bar("live 100/s: CPU a message, web + worker", ratio("live.cpu_1k"), Limit("<=", 0.8), Limit("<=", 0.5)),
    Bar("live 100/s: end to end, p50", ratio("live.p50"), Limit("<=", 1.05)),
    Bar("live 100/s: end to end, p99", ratio("live.p99"), Limit("<=", 1.0)),
    Bar("the same p50, ours / best possible in order", to_best("p50"), Limit("<=", 1.05)),
    Bar("the same p99, ours / best possible in order", to_best("p99"), Limit("<=", 1.05)),
    Bar("memory (PSS), web + worker", ratio("live.pss_mb"), Limit("<=", 1.0), Limit("<=", 0.7)),
    Bar("late redeliveries answered twice", counted("dups", "late"), _NONE, form="{:.0f}"),
    Bar("order violations", counted("violations", "live", "d0", "dl", "dl400"), _NONE, form="{:.0f}"),
    Bar("overlapping turns of a contact", counted("overlap", "live", "d0", "dl", "dl400"), _NONE, form="{:.0f}"),
    Bar("messages lost", lost, _NONE, form="{:.0f}"),
    Bar("a POST of 1,000 statuses, p99", highest("statuses", "p99"), Limit("<", 60, " ms"), Limit("<", 20, " ms"),
        "{:.1f} ms"),
    Bar("2 worker processes / 1, CPU-bound drain", figure("scaling", "ratio"), SCALING, excused=no_room),
)  # fmt: skip


def judge(result: Result) -> list[Verdict]:
    """Every bar against a result, in their order."""
    return [_judged(bar, result) for bar in BARS]


def table(verdicts: Sequence[Verdict]) -> str:
    """As Markdown."""
    rows = [(one.name, one.least, one.aim, one.measured, one.word) for one in verdicts]
    head = ("what", "at least", "aim", "measured", "verdict")
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows))


def _judged(bar: Bar, result: Result) -> Verdict:
    measured, aim = bar.find(result), str(bar.aim or "")
    if measured is None:
        return Verdict(bar.name, str(bar.least), aim, "", None, "not measured")
    met: bool | None = bar.least.holds(measured)
    word = "met" if met else "**not met**"
    if met and bar.aim and bar.aim.holds(measured):
        word = "met, and the aim"
    if not met and (why := bar.excused(result)):
        met, word = None, why
    return Verdict(bar.name, str(bar.least), aim, bar.form.format(measured), met, word)


def _groups(result: Result) -> Mapping[str, Any]:
    found: Mapping[str, Any] = result["contestants"].get(OURS, {})
    return found


def _rounds(result: Result, group: str) -> list[Mapping[str, float]]:
    found: list[Mapping[str, float]] = _groups(result).get(group, {}).get("rounds", [])
    return found
