"""The floor of end-to-end times when one customer's messages are answered one after the other."""

from __future__ import annotations

from bench.in_order import Load, best, waits


def test_one_customer_waits_for_all_before():
    """Model 200 ms, Graph 50 ms: the third of a burst waits for two whole answers and its own model."""
    arrivals = [(0.0, 1), (10.0, 1), (20.0, 1), (20.0, 2), (1000.0, 1)]
    assert waits(arrivals, lambda: (200.0, 50.0)) == [200.0, 440.0, 680.0, 200.0, 200.0]


def test_without_bursts_and_with_many_customers_only_the_model_counts():
    calm = best(Load(burst=1, customers=1_000_000, jitter=0.0))
    assert (round(calm.p50), round(calm.p99)) == (200, 200)


def test_what_the_live_phase_offers_takes_more_than_twice_the_model():
    """Three at once: the middle one of them is the median."""
    live = best()
    assert 440 < live.p50 < 480
    assert 1_150 < live.p99 < 1_550
    assert best(Load(burst=1)).p50 < best(Load(burst=2)).p50 < live.p50
