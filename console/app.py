"""The pages and who may open them. A page that is not listed for a role does not exist for it."""

from __future__ import annotations

import streamlit as st
from redis.exceptions import RedisError

from console import wiring
from console.auth import current
from console.text import t
from console.widgets import frame, links, live, notices

FILES = {
    "overview": "views/overview.py",
    "inbox": "views/inbox.py",
    "jobs": "views/jobs.py",
    "job": "views/job.py",
}


def pages() -> dict[str, list[st.Page]]:
    """The navigation, by section."""
    return {
        t("nav.live"): [
            st.Page(FILES["overview"], title=t("overview.title"), icon=":material/monitoring:", default=True),
            st.Page(FILES["inbox"], title=t("inbox.title"), icon=":material/forum:", url_path="inbox"),
        ],
        t("nav.work"): [
            st.Page(FILES["jobs"], title=t("jobs.title"), icon=":material/list_alt:", url_path="jobs"),
            st.Page(FILES["job"], title=t("job.title"), url_path="job", visibility="hidden"),
        ],
    }


def main() -> None:
    """Draw one page for one person."""
    st.set_page_config(page_title="Relevo", page_icon=frame.ICON, layout="wide")
    frame.style()
    try:
        session = current.require()
        current.speak(session)
        live.arrived()
        page = st.navigation(pages())
        frame.account(session)
        links.catch(FILES, page.url_path or "overview")
        live.paused_notice()
        page.run()
    except RedisError:
        notices.store_away()
        _try_again()


@st.fragment(run_every=5)
def _try_again() -> None:
    """While Redis is away, looks every five seconds whether it is back."""
    try:
        wiring.services().db.ping()
    except RedisError:
        return
    st.rerun()


main()
