"""Who is looking: asked by every run and every refresh of a page, before anything is drawn."""

from __future__ import annotations

import streamlit as st

from console import wiring
from console.auth.sessions import COOKIE, Session

#: Leads a browser whose session is over to the login, and back here afterwards. Nothing in it is data.
_LEAVE = (
    "<script>const here = location.pathname + location.search;"
    "location.replace(here === '/' ? '/login' : '/login?next=' + encodeURIComponent(here));</script>"
)


def cookie() -> str | None:
    """The session id of the browser behind this run."""
    return st.context.cookies.get(COOKIE)


def require() -> Session:
    """The session of this run; without one nothing more is drawn and the browser goes to the login.

    Raises:
        RedisError: Redis cannot be asked, so nobody is let in.
    """
    services = wiring.services()
    session = services.sessions.get(services.session_id())
    if session is None:
        st.html(_LEAVE, unsafe_allow_javascript=True)
        st.stop()
    return session
