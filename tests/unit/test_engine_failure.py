"""What a failure means for its job, and what is kept of it."""

from __future__ import annotations

import random
import re
import zlib
from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import ChannelError, Later, MessageRefused
from common.queueing.context import JobContext
from workers.engine.failure import MOST_TRACE, JobNotAllowed, RetryPolicy, describe, judge, pack
from workers.engine.functions import Functions
from workers.engine.run import Claimed, Ending, Run, read_work

NOW = 1_795_000_000.0
POLICY = RetryPolicy(2.0, 300.0)


def run(attempt: int = 1, attempts: int = 5) -> Run:
    context = JobContext("j", "e", "q", "lane", attempt, attempts, NOW, "w")
    return Run(Claimed(b"q", b"j", b"e", failure_ttl=b"600"), context, NOW)


def test_an_error_with_attempts_left_is_tried_again_later():
    """The job waits for the back-off and keeps its traceback."""
    ending = judge(ChannelError("down"), run(), POLICY, now=NOW)
    assert ending.kind == "retry"
    assert NOW <= ending.due <= NOW + 2.0
    assert "ChannelError: down" in zlib.decompress(b64decode(ending.payload)).decode()


def test_a_job_can_have_a_back_off_of_its_own():
    """Fixed: always the same wait; exponential: its own base under the worker's cap; nonsense: the worker's."""
    assert [POLICY.of("fixed 7").delay(attempt) for attempt in (1, 5, 50)] == [7.0] * 3
    assert POLICY.of("fixed 7").delay(1, at_least=60) == 60
    own = POLICY.of("exponential 0.5")
    assert (own.base, own.cap, own.fixed) == (0.5, 300.0, False)
    assert POLICY.of("") is POLICY.of("fixed soon") is POLICY


def test_the_last_attempt_fails_for_good():
    """Attempt five of five leaves nothing to try."""
    assert judge(ChannelError("down"), run(5, 5), POLICY, now=NOW) == Ending(
        "failed", ttl=600, payload=pack("ChannelError: down\n"), error="ChannelError: down"
    )


def test_an_error_that_is_not_retryable_fails_at_once():
    """Trying again what can never succeed only delays the person."""
    assert judge(MessageRefused("no"), run(), POLICY, now=NOW).kind == "failed"


def test_later_spends_no_attempt_and_is_never_in_the_past():
    """Later is control flow: at its time, or now when that has passed."""
    assert judge(Later(NOW + 9, "pair"), run(5, 5), POLICY, now=NOW) == Ending("later", due=NOW + 9, error="pair")
    assert judge(Later(NOW - 9, "pair"), run(), POLICY, now=NOW).due == NOW


def test_a_retry_after_is_the_least_that_is_waited():
    """A 429 says how long; jitter comes on top."""
    for _ in range(50):
        due = judge(ChannelError("429", retry_after=30.0), run(), POLICY, now=NOW).due
        assert NOW + 30.0 <= due <= NOW + 31.0


@given(st.integers(1, 10_000), st.floats(0.01, 100), st.floats(0.01, 1_000), st.integers())
def test_a_delay_lies_between_nothing_and_its_cap(attempt, base, cap, seed):
    """Full jitter: anywhere in [0, min(cap, base * 2^(n-1))]."""
    delay = RetryPolicy(base, cap).delay(attempt, rng=random.Random(seed))
    assert 0 <= delay <= min(cap, base * 2.0 ** min(attempt - 1, 60)) + 1e-9


def test_a_customers_words_do_not_reach_the_traceback():
    """ValueError quotes what it could not read; its type and frames are enough."""
    try:
        int("mi cedula es 1020")
    except ValueError as error:
        line, trace = describe(error)
    assert line == "ValueError"
    assert "1020" not in trace.replace('int("mi cedula es 1020")', "")  # the frame shows our source line, not data
    assert "test_engine_failure.py" in trace


def test_a_cause_is_told_before_its_effect():
    """Chained errors keep their order."""
    try:
        try:
            raise OSError("refused")
        except OSError as error:
            raise ChannelError("Graph cannot be reached") from error
    except ChannelError as error:
        _, trace = describe(error)
    assert trace.index("OSError: refused") < trace.index("ChannelError: Graph")


def test_a_traceback_is_bounded():
    """Deep recursion does not fill Redis."""

    def down(n):
        return down(n - 1) if n else 1 // 0

    with pytest.raises(ZeroDivisionError) as caught:
        down(300)
    assert len(describe(caught.value)[1]) <= MOST_TRACE


@pytest.mark.parametrize(
    "path",
    ["os.system", "workers.jobsx.run", "tests.faults.engine_jobs._job", "tests.faults.engine_jobs.plain",
     "tests.faults.engine_jobs.missing", "tests.faults.engine_jobs.os.system", "tests.faults.engine_jobs.", ""],
)  # fmt: skip
def test_a_path_off_the_list_is_never_called(path):
    """Whoever can write to Redis must not choose what a worker runs."""
    with pytest.raises(JobNotAllowed):
        Functions(["tests.faults.engine_jobs."]).find(path)


@pytest.mark.parametrize("data", [b"", b"x", b"{}", b"[1]", b'["f", 1, [], {}]', b'["f", null, {}, {}]', b"\x80\x04."])
def test_data_that_is_not_a_json_call_is_refused(data):
    """Pickles above all."""
    with pytest.raises(ValueError, match=r"data|unexpected|JSON|unpack|EOF|character"):
        read_work(data)


def test_data_is_read_plain_and_as_rq_compresses_it():
    """RQ's own clean-up rewrites the hash compressed."""
    plain = b'["a.b",null,[1],{"k":2}]'
    assert read_work(plain) == read_work(zlib.compress(plain)) == ("a.b", [1], {"k": 2})


def test_a_row_has_as_many_arguments_as_the_script_reads():
    """finish.lua walks ARGV by its STRIDE."""
    script = Path("workers/engine/lua/finish.lua").read_text()
    stride = int(re.search(r"STRIDE, worker = (\d+)", script)[1])
    assert len(run().row(NOW, "")) == stride
