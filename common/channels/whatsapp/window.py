"""The customer service window: free-form messages may go out for 24 h after the customer's last message. Pure.

Source: Meta, "Send messages" (2026-09): counted from the timestamp of the customer's message; outside of it only
templates, else error 131047. One minute is left as a margin for clocks and for the way to Meta.
"""

from __future__ import annotations

SERVICE_WINDOW = 24 * 3600.0  # seconds
MARGIN = 60.0  # seconds


def closes_at(sent_at: float) -> float:
    """When the window opened by a message sent at `sent_at` closes for us, margin taken off (unix seconds)."""
    return sent_at + SERVICE_WINDOW - MARGIN


def extended(until: float | None, sent_at: float) -> float:
    """The end of the window after one more message: a message delivered late never shortens it."""
    return max(until or 0.0, closes_at(sent_at))


def is_open(until: float | None, now: float) -> bool:
    """Whether a free-form message may go out at `now`."""
    return until is not None and now < until


def remaining(until: float | None, now: float) -> float:
    """Seconds until the window closes; 0 when it is closed."""
    return max(0.0, (until or 0.0) - now)
