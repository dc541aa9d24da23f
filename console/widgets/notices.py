"""Sentences above a page when something is wrong: what, and what to do. Never a traceback."""

from __future__ import annotations

from html import escape

import streamlit as st
from redis.exceptions import RedisError

from common.logs import get_logger
from console.text import t
from console.widgets import status

log = get_logger(__name__)


def store_away() -> None:
    """Redis does not answer; pages try again by themselves."""
    st.warning(t("store.away_in_page"), icon=":material/cloud_off:")


def paused() -> None:
    """The page stopped renewing itself; a click goes on."""
    st.info(t("live.paused"), icon=":material/pause_circle:")
    st.button(t("live.resume"), key="live_resume", icon=":material/play_arrow:")


def refused(sentence: str) -> None:
    """An action that cannot be done now. `sentence` is ours, never a customer's."""
    st.toast(sentence, icon=":material/block:", duration="long")


def done(sentence: str) -> None:
    """An action that worked."""
    st.toast(sentence, icon=":material/check:")


def empty(why: str, what_next: str, icon: str = "inbox") -> None:
    """A list without rows says why, and what to do next."""
    with st.container(key=f"empty_{icon}", horizontal_alignment="center", gap="xxsmall"):
        st.html(f'<div class="rv-empty">{status.icon(icon)}<b>{escape(why)}</b><span>{escape(what_next)}</span></div>')


def unexpected(error: Exception) -> bool:
    """Streamlit's hook for errors of a page: the log gets all of it, the person one sentence."""
    if isinstance(error, RedisError):
        store_away()
        return True
    log.error("page failed", exc_info=error)
    st.error(t("page.failed"), icon=":material/error:")
    return True
