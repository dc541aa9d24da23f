"""What a result says of the bars, and the page that is written from it."""

from __future__ import annotations

from typing import Any

import pytest

from bench import bars, report, results

HEAD: dict[str, Any] = {
    "date": "2026-01-02T10:00:00+00:00", "commit": "abc1234", "changed": False,
    "machine": {"cores": 2, "cpu": "a CPU", "memory_gib": 8.0, "kernel": "6", "python": "3.11", "redis": "7.0"},
    "load": {"average": 0.1, "foreign_pct": 3.0},
    "settings": {
        "quick": False, "rounds": 3, "side_by_side": True, "tools": {"stub": "compiled", "loadgen": "compiled"},
    },
}  # fmt: skip


def result_of(ours: dict[str, list[dict[str, float]]], theirs: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    contestants = {"relevo": _numbered(ours), "bullmq-express": _numbered(theirs)}
    return results.content(HEAD, contestants)


def _numbered(groups: dict[str, list[dict[str, float]]]) -> dict[str, list[dict[str, float]]]:
    return {name: [{"round": n, **one} for n, one in enumerate(rounds, 1)] for name, rounds in groups.items()}


def verdict(name: str, result: dict[str, Any]) -> bars.Verdict:
    return next(one for one in bars.judge(result) if one.name == name)


@pytest.mark.parametrize(
    ("cpu", "word", "met"), [(0.4, "met, and the aim", True), (0.8, "met", True), (1.2, "**not met**", False)]
)
def test_a_ratio_is_judged_by_the_median_of_its_rounds(cpu: float, word: str, met: bool):
    """Two wild rounds of five do not decide; bar and aim are told apart."""
    ours = [{"web_cpu_1k": value} for value in (9.0, cpu, cpu, cpu, 0.01)]
    result = result_of({"web500": ours}, {"web500": [{"web_cpu_1k": 1.0}] * 5})
    found = verdict("webhook, CPU a POST at 500/s", result)
    assert (found.measured, found.word, found.met) == (f"{cpu:.2f}", word, met)


def test_what_was_not_measured_is_not_met_and_not_missed():
    """Without a reference there are no ratios, and the page does not pretend otherwise."""
    found = verdict("webhook, most acks/s", result_of({"web": [{"acks_per_s": 9000.0}]}, {}))
    assert (found.measured, found.met, found.word) == ("", None, "not measured")


def test_one_wrong_order_in_any_round_breaks_the_bar():
    """Faults are counted, not averaged."""
    live = [{"violations": 0, "missing": 0}, {"violations": 0, "missing": 0}, {"violations": 1, "missing": 0}]
    assert verdict("order violations", result_of({"live": live}, {})).word == "**not met**"


def test_lost_are_those_that_were_acknowledged_and_never_answered():
    """Live and after redelivery; a drain that was cut off loses nothing."""
    groups = {
        "live": [{"missing": 0}], "late": [{"acked": 120, "delivered": 118}], "d0": [{"of": 8000, "n": 5000}],
    }  # fmt: skip
    assert verdict("messages lost", result_of(groups, {})).measured == "2"


def test_the_slowest_round_of_statuses_counts():
    """A POST of 1,000 statuses has few samples a round."""
    rounds = [{"p99": 12.0}, {"p99": 61.0}, {"p99": 13.0}]
    found = verdict("a POST of 1,000 statuses, p99", result_of({"statuses": rounds}, {}))
    assert (found.measured, found.met) == ("61.0 ms", False)


def test_scaling_is_not_judged_where_the_cores_are_not_free():
    """The bar holds where two workers have cores of their own; elsewhere the page says what room there was."""
    name = "2 worker processes / 1, CPU-bound drain"
    found = verdict(name, result_of({"scaling": [{"ratio": 1.4, "ceiling": 1.5}]}, {}))
    assert (found.met, found.word) == (None, "cores not free: they leave room for 1.50")
    assert verdict(name, result_of({"scaling": [{"ratio": 1.4, "ceiling": 2.0}]}, {})).met is False


def test_the_page_takes_its_figures_from_the_result():
    """Bars, floor, latencies, the queue and every median; a plot that was not drawn is not linked."""
    ours = {
        "web500": [{"web_cpu_1k": 0.2, "p50": 0.8, "p99": 2.0, "foreign_pct": 7.0}],
        "live": [{"p50": 215.0, "p99": 280.0}],
        "jobs": [{"noop_rate": 9000.0, "noop_cpu_1k": 0.05, "noop_redis_1k": 0.07}],
    }
    result = result_of(ours, {"web500": [{"web_cpu_1k": 0.5, "p50": 1.0, "p99": 3.0}]})
    text = report.page(result, file="x.json", drawn=["performance-cpu.svg"], template=report.TEMPLATE.read_text())
    for part in (
        "| webhook, CPU a POST at 500/s | <= 1 | <= 0.5 | 0.40 | met, and the aim |",
        "commit `abc1234`", "2 cores of a CPU", "7 % (median of all phases)", "](images/performance-cpu.svg)",
        "| Relevo | 0.8 | 2.0 | 215 | 280 |", "| run a job that does nothing | 9,000 | 0.050 | 0.070 |",
        "| web500 | `web_cpu_1k` | 0.2 | 0.5 | 0.40 (0.40) |",
    ):  # fmt: skip
        assert part in text
    assert "performance-console.svg" not in text
    assert "$" not in text


def test_a_quick_run_says_that_it_does_not_count():
    """Nobody takes its figures for the real ones."""
    quick = {**HEAD, "settings": {**HEAD["settings"], "quick": True, "side_by_side": False}}
    text = report.page(results.content(quick, {}), file="x.json", drawn=[], template=report.TEMPLATE.read_text())
    assert "too short for its figures to count" in text
    assert "no ratio could be taken" in text


def test_the_floor_is_told_in_milliseconds():
    """Every figure of the sentence comes from the result."""
    floor = {
        "http_ms": 0.06, "trips": 4.2, "redis_ms": 0.03, "webhook_ms": 0.006, "message_floor_ms": 0.13,
        "worker_ms": 0.9, "worker_distance": 9.0, "worker_floor_ms": 0.1, "message_ms": 1.04, "message_distance": 8.0,
    }  # fmt: skip
    told = report.floor(result_of({"floor": [floor]}, {}))
    assert "4.2 round trips" in told
    assert "9.0 times its floor of 0.10 ms" in told
    assert "aiohttp" not in told
