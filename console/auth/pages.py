"""The two pages that are no Streamlit: the login, and the calm one for when Redis is away."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from string import Template

from console.text import t


@cache
def _template() -> Template:
    return Template(files("console.auth").joinpath("card.html").read_text(encoding="utf-8"))


def login_page(*, csrf: str, after: str, name: str = "", problem: str = "") -> str:
    """The login form; `problem` is the sentence above it, `after` where to go then (checked by the caller)."""
    alert = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    body = f"""
    <form method="post" action="/login">
      {alert}
      <input type="hidden" name="csrf" value="{escape(csrf)}">
      <input type="hidden" name="next" value="{escape(after)}">
      <label for="name">{escape(t("login.name"))}</label>
      <input id="name" name="name" autocomplete="username" maxlength="40" value="{escape(name)}"
             placeholder="{escape(t("login.name_hint"))}">
      <label for="password">{escape(t("login.password"))}</label>
      <input id="password" name="password" type="password" autocomplete="current-password" required autofocus
             maxlength="200">
      <button type="submit">{escape(t("login.submit"))}</button>
    </form>"""
    return _template().substitute(title=escape(t("login.title")), lead=escape(t("login.lead")), body=body, head="")


def unreachable_page() -> str:
    """Redis cannot be asked who this is; the page tries again by itself."""
    return _template().substitute(
        title=escape(t("store.title")),
        lead=escape(t("store.away")),
        body=f'<p class="quiet">{escape(t("store.retry"))}</p>',
        head='<meta http-equiv="refresh" content="5">',
    )
