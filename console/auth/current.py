"""Who is looking: asked by every run and every refresh of a page, before anything is drawn."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from console import text, wiring
from console.auth.sessions import COOKIE, Session

_LANGUAGE = "language"

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


def speak(session: Session) -> None:
    """What this page says from here on is in the language of `session`; so are its callbacks and refreshes."""
    text.ask(language)
    st.session_state[_LANGUAGE] = session.lang or wiring.services().language


def language() -> str:
    """The language of the page that asks; outside of pages that of the shop."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return wiring.services().language
    return str(st.session_state.get(_LANGUAGE) or wiring.services().language)
