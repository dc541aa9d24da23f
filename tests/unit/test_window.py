"""The 24 h service window."""

from __future__ import annotations

from common.channels.whatsapp import window

SENT = 1_750_000_000.0
DAY = 86_400.0


def test_the_window_closes_a_minute_before_24_hours():
    """Counted from the message's own time, with a margin for clocks."""
    until = window.closes_at(SENT)

    assert until == SENT + DAY - 60
    assert window.is_open(until, SENT)
    assert window.is_open(until, until - 0.001)
    assert not window.is_open(until, until)


def test_nobody_who_never_wrote_has_an_open_window():
    """None means: no message yet."""
    assert not window.is_open(None, SENT)
    assert window.remaining(None, SENT) == 0


def test_a_late_delivery_never_shortens_the_window():
    """A redelivered old message leaves the end where the newer one put it."""
    until = window.extended(None, SENT)

    assert window.extended(until, SENT - 3600) == until
    assert window.extended(until, SENT + 3600) == until + 3600


def test_what_remains_is_never_negative():
    """Seconds, for the console."""
    until = window.closes_at(SENT)

    assert window.remaining(until, SENT) == DAY - 60
    assert window.remaining(until, SENT + 2 * DAY) == 0
