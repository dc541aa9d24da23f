"""What stands around every page: style, navigation, who is logged in, the way out."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path

import streamlit as st

from console import wiring
from console.auth.sessions import Session
from console.text import LANGUAGES, OWN_NAMES, language, t

_THEME = Path(str(files("console.theme")))
ICON = str(_THEME / "icon.svg")


@cache
def _css() -> str:
    return _THEME.joinpath("style.css").read_text(encoding="utf-8")


def style() -> None:
    """The style sheet and the logo; ours, no data in them."""
    st.html(f"<style>{_css()}</style>")
    st.logo(str(_THEME / "logo.svg"), size="medium", icon_image=ICON)


def account(session: Session) -> None:
    """Name, role and the logout form, at the foot of the sidebar."""
    with st.sidebar.container(key="account"):
        _languages(session)
        role, leave = escape(t(f"role.{session.role}")), escape(t("frame.log_out"))
        st.html(
            f'<div class="rv-account"><div><b>{escape(session.name)}</b><span>{role}</span></div>'
            f'<form method="post" action="/logout"><input type="hidden" name="csrf" value="{escape(session.csrf)}">'
            f'<button type="submit"><span class="rv-icon" aria-hidden="true">logout</span>{leave}</button></form></div>'
        )


def _languages(session: Session) -> None:
    """The language switch; kept in the session, so that a reload and other tabs know it."""

    def chosen() -> None:
        wanted = str(st.session_state.get("language_switch"))
        if wanted in LANGUAGES:
            wiring.services().sessions.speak(session.sid, wanted)

    st.session_state["language_switch"] = language()
    st.segmented_control(
        t("frame.language"), tuple(LANGUAGES), key="language_switch", required=True, on_change=chosen,
        format_func=lambda lang: OWN_NAMES[lang], label_visibility="collapsed",
    )  # fmt: skip


def heading(title: str, note: str = "") -> None:
    """The title of a page and, beside it, how fresh it is."""
    aside = f"<span>{escape(note)}</span>" if note else ""
    st.html(f'<header class="rv-head"><h1>{escape(title)}</h1>{aside}</header>')
