"""Histograms of waiting and running times."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.queueing.timings import BOUNDS, EMPTY, SIZE, Histogram, Tally, bucket, packed, read, unpacked


@pytest.mark.parametrize(("seconds", "expected"), [(0, 0), (0.001, 0), (0.0011, 1), (3600, SIZE - 2), (9e9, SIZE - 1)])
def test_a_value_falls_into_the_first_bucket_that_holds_it(seconds, expected):
    """Bounds belong to their own bucket."""
    assert bucket(seconds) == expected


@given(st.lists(st.floats(0, BOUNDS[-1]), min_size=1, max_size=50), st.sampled_from([0.5, 0.95]))
@example([1801.0], 0.95)
def test_a_quantile_is_in_the_bucket_of_the_true_one(values, q):
    """However the values are spread."""
    tally = Tally()
    for value in values:
        tally.add("q", "run", value)
    histogram = read({k.encode(): str(v).encode() for k, v in tally.take()["q"].items()}, "run")
    assert histogram.count == len(values)
    assert histogram.total == pytest.approx(sum(values))
    true = sorted(values)[max(0, -(-len(values) * q // 1).__int__() - 1)] if q < 1 else max(values)
    at, close = bucket(true), 1e-6
    assert (BOUNDS[at - 1] if at else 0) - close <= histogram.quantile(q) <= BOUNDS[at] + close


def test_the_difference_of_two_readings_is_what_came_between():
    """Counting that began anew is taken as it is."""
    before, after = Histogram([1] * SIZE, 5.0), Histogram([3] * SIZE, 9.0)
    assert (after - before) == Histogram([2] * SIZE, 4.0)
    assert (before - after) == before


def test_nothing_measured_has_no_quantile():
    """None, never zero."""
    assert EMPTY.quantile(0.5) is None
    assert Histogram([0] * (SIZE - 1) + [1], 1e6).quantile(0.5) == BOUNDS[-1]


def test_packed_histograms_are_read_back():
    """As JSON keeps them."""
    one = {"run": Histogram([1] * SIZE, 2.5)}
    assert unpacked(packed(one)) == one
