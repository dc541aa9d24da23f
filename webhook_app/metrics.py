"""Figures of the whole installation, read from Redis: JSON, and Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from redis import Redis

from common.conversations.reads import counts, day_counters
from common.messages import DEFAULT_TENANT
from common.queueing import inspect, keys, queues, timings
from common.queueing.timings import BOUNDS, Histogram
from webhook_app.readiness import live_workers

MINUTE = keys.SAMPLE_STEPS[1][0]
_ENDED = ("finished", "failed", "retried", "abandoned")  # of keys.totals
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Figures:
    """What is measured.

    Attributes:
        queues: jobs by queue and state.
        today: events since midnight UTC.
        conversations: how many stand where.
        last_minute: by queue, what the newest sample of a minute tells: seconds that jobs waited and ran (wait_p50,
            wait_p95, run_p50, run_p95; null when none ended) and how many ended a second.
        ended: by queue, runs by outcome since counting began.
        times: by queue and kind (wait, run), all times since counting began.
    """

    queues: Mapping[str, Mapping[str, int]]
    today: Mapping[str, int]
    conversations: Mapping[str, int]
    workers: int
    last_minute: Mapping[str, Mapping[str, float | None]]
    ended: Mapping[str, Mapping[str, int]]
    times: Mapping[str, Mapping[str, Histogram]]

    def as_json(self) -> dict[str, Any]:
        """All of it but the histograms, which are Prometheus' way to tell times."""
        return {name: value for name, value in asdict(self).items() if name != "times"}


def measure(db: Redis, now: float) -> Figures:
    """The figures of this moment.

    Raises:
        RedisError: Redis does not answer.
    """
    names = all_queues(db)
    pipe = db.pipeline(transaction=False)
    for name in names:
        pipe.hmget(keys.totals(name), *_ENDED)
        pipe.hgetall(keys.timings(name))
    answers = pipe.execute()
    return Figures(
        queues=inspect.counts(db, names),
        today=day_counters(db, DEFAULT_TENANT, now=now),
        conversations=counts(db, DEFAULT_TENANT),
        workers=live_workers(db),
        last_minute=pace(inspect.latest_samples(db, MINUTE, 2)),
        ended={
            name: {outcome: int(n or 0) for outcome, n in zip(_ENDED, totals, strict=True)}
            for name, totals in zip(names, answers[::2], strict=True)
        },
        times={
            name: {kind: timings.read(stored, kind) for kind in timings.KINDS}
            for name, stored in zip(names, answers[1::2], strict=True) if stored
        },
    )  # fmt: skip


def pace(samples: Sequence[inspect.Sample]) -> dict[str, dict[str, float | None]]:
    """By queue, times of the newer of two samples, and jobs that ended a second between them."""
    if len(samples) != 2:
        return {}
    before, after = samples
    out: dict[str, dict[str, float | None]] = {}
    for name, now in after.queues.items():
        then = before.queues.get(name)
        ended = now.finished_total + now.failed_total - (then.finished_total + then.failed_total if then else 0)
        times = {part: getattr(now, part) for part in ("wait_p50", "wait_p95", "run_p50", "run_p95")}
        out[name] = {**times, "ended_per_second": round(max(0, ended) / max(1.0, after.at - before.at), 3)}
    return out


def all_queues(db: Redis) -> list[str]:
    """The queues of Relevo, and every other that ever held a job."""
    return sorted({*queues.ALL, *inspect.queue_names(db)})


def prometheus(figures: Figures) -> str:
    """`figures` in Prometheus' text format."""
    lines = ["# HELP relevo_jobs Jobs by queue and state.", "# TYPE relevo_jobs gauge"]
    for queue, states in sorted(figures.queues.items()):
        lines += [f"relevo_jobs{{{_labels(queue=queue, state=state)}}} {n}" for state, n in sorted(states.items())]
    lines += ["# HELP relevo_runs_total Runs of jobs by queue and outcome.", "# TYPE relevo_runs_total counter"]
    for queue, outcomes in sorted(figures.ended.items()):
        lines += [f"relevo_runs_total{{{_labels(queue=queue, outcome=name)}}} {n}" for name, n in outcomes.items()]
    lines += _histogram_lines(figures)
    lines += ["# HELP relevo_events_today Events since midnight UTC.", "# TYPE relevo_events_today gauge"]
    lines += [f"relevo_events_today{{{_labels(event=name)}}} {n}" for name, n in sorted(figures.today.items())]
    lines += ["# HELP relevo_conversations Conversations by list.", "# TYPE relevo_conversations gauge"]
    lines += [f"relevo_conversations{{{_labels(list=name)}}} {n}" for name, n in figures.conversations.items()]
    lines += ["# HELP relevo_workers Live worker processes.", "# TYPE relevo_workers gauge"]
    return "\n".join([*lines, f"relevo_workers {figures.workers}", ""])


def _histogram_lines(figures: Figures) -> Iterator[str]:
    for kind, text in (("wait", "Seconds from queueing to start."), ("run", "Seconds from start to end.")):
        name = f"relevo_job_{kind}_seconds"
        yield f"# HELP {name} {text}"
        yield f"# TYPE {name} histogram"
        for queue, its in sorted(figures.times.items()):
            reached, labels = 0, _labels(queue=queue)
            for bound, n in zip(BOUNDS, its[kind].counts, strict=False):
                reached += n
                yield f"{name}_bucket{{{_labels(queue=queue, le=f'{bound:g}')}}} {reached}"
            yield f"{name}_bucket{{{_labels(queue=queue, le='+Inf')}}} {its[kind].count}"
            yield f"{name}_sum{{{labels}}} {its[kind].total:.6f}"
            yield f"{name}_count{{{labels}}} {its[kind].count}"


def _labels(**values: str) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in values.items())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
