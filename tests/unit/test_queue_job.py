"""JobSpec: what a job's hash holds, and which ids are refused."""

from __future__ import annotations

import orjson
import pytest

from common.queueing.job import JobSpec, enqueue_call

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
