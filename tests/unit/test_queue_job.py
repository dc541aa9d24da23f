"""JobSpec: what a job's hash holds, and which ids are refused."""

from __future__ import annotations

import orjson
import pytest

from common.queueing.job import Backoff, JobSpec, enqueue_call

NOW = 1_795_000_000.0


def test_fields_are_what_rq_reads_with_its_json_serializer():
    """data is [function, no instance, args, kwargs]; retries are one fewer than attempts."""
    spec = JobSpec(id="wa-1", queue="q", func="workers.jobs.answer", kwargs={"tenant": "t"}, attempts=5)
    flat = spec.fields(NOW)
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    assert orjson.loads(fields["data"]) == ["workers.jobs.answer", None, [], {"tenant": "t"}]
    assert fields["retries_left"] == 4
    assert fields["created_at"].endswith("Z")
    assert fields["description"] == "workers.jobs.answer"


def test_a_due_time_travels_as_text_with_milliseconds():
    """Lua gets unix seconds it can compare and store."""
    call = enqueue_call(JobSpec(id="a", queue="q", func="f.g", due=NOW + 0.5), NOW)
    assert call.args[4] == f"{NOW + 0.5:.3f}"
    assert enqueue_call(JobSpec(id="a", queue="q", func="f.g"), NOW).args[4] == ""


@pytest.mark.parametrize("job_id", ["", "a:b", "wamid.==", "ñ", "x" * 129])
def test_an_id_that_rq_would_refuse_is_refused_here(job_id):
    """A colon, for one, would break the keys of executions."""
    with pytest.raises(ValueError, match="letters, digits"):
        JobSpec(id=job_id, queue="q", func="f.g")


def test_a_job_without_an_attempt_is_refused():
    """Zero attempts would be a job that cannot run."""
    with pytest.raises(ValueError, match="attempt"):
        JobSpec(id="a", queue="q", func="f.g", attempts=0)


@pytest.mark.parametrize(
    "wrong",
    [{"priority": 0}, {"priority": 11}, {"priority": 1.5}, {"ttl": 0}, {"keep_completed": -1}, {"keep_failed": -1}],
)
def test_options_that_make_no_sense_are_refused(wrong):
    """Where the job is made, not where it runs."""
    with pytest.raises(ValueError, match=r"\w"):
        JobSpec(id="a", queue="q", func="f.g", **wrong)


def test_a_back_off_is_of_a_known_kind_and_takes_time():
    """It travels as two words."""
    assert str(Backoff("fixed", 1.5)) == "fixed 1.5"
    with pytest.raises(ValueError, match="fixed or exponential"):
        Backoff("linear", 1)
    with pytest.raises(ValueError, match="fixed or exponential"):
        Backoff("fixed", 0)


def test_a_time_to_live_counts_from_when_the_job_may_begin():
    """A delayed job does not expire before its time."""
    flat = JobSpec(id="a", queue="q", func="f.g", due=NOW + 60, ttl=5).fields(NOW)
    assert dict(zip(flat[::2], flat[1::2], strict=True))["expires"] == f"{NOW + 65:.3f}"
