"""Parts of a page that renew themselves, and slow down when nobody is there."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import streamlit as st
from redis.exceptions import RedisError

from console import wiring
from console.auth import current
from console.widgets import notices

#: Idle seconds after which refreshes come half as often, and after which they stop.
SLOW_AFTER, STOP_AFTER = 600, 3600

_ACTIVE, _BY_ITSELF = "live_active_at", "live_by_itself"


def arrived() -> None:
    """Called once per whole run of a page: counts as an action unless a refresh caused it."""
    by_itself = bool(st.session_state.pop(_BY_ITSELF, False))
    if not by_itself or _ACTIVE not in st.session_state:
        active()


def active() -> None:
    """Somebody did something: their session and the refreshes live on."""
    services = wiring.services()
    st.session_state[_ACTIVE] = services.clock.now()
    sid = services.session_id()
    if sid:
        services.sessions.touch(sid)


def pace(seconds: float, idle: float) -> float | None:
    """Seconds between refreshes after `idle` seconds without an action; None: no more."""
    if idle >= STOP_AFTER:
        return None
    return seconds * 2 if idle >= SLOW_AFTER else seconds


def idle() -> float:
    """Seconds since this person last did something."""
    now = wiring.services().clock.now()
    return now - float(st.session_state.get(_ACTIVE, now))


def live(key: str, seconds: float) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """A fragment that draws itself again every `seconds`, only for a living session, and calmly without Redis."""
    every = pace(seconds, idle())

    def decorate(draw: Callable[[], None]) -> Callable[[], None]:
        @st.fragment(run_every=every, key=key)
        @wraps(draw)
        def part() -> None:
            try:
                current.require()
                draw()
            except RedisError:
                notices.store_away()
            if pace(seconds, idle()) != every:
                st.session_state[_BY_ITSELF] = True
                st.rerun()

        return part

    return decorate


def paused_notice() -> None:
    """Says that this page no longer renews itself, and how to go on."""
    if idle() >= STOP_AFTER:
        notices.paused()
