"""The pages that are no Streamlit: the login, the calm one for when Redis is away, and that of a wrong address."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import urlencode

from console import text
from console.text import LANGUAGES, OWN_NAMES


@cache
def _template() -> Template:
    return Template(files("console.auth").joinpath("card.html").read_text(encoding="utf-8"))


def login_page(*, csrf: str, after: str, lang: str, name: str = "", problem: str = "") -> str:
    """The login form; `problem` is the sentence above it, `after` where to go then (checked by the caller)."""

    def t(key: str) -> str:
        return escape(text.t(key, lang=lang))

    alert = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    body = f"""
    <form method="post" action="/login">
      {alert}
      <input type="hidden" name="csrf" value="{escape(csrf)}">
      <input type="hidden" name="next" value="{escape(after)}">
      <label for="name">{t("login.name")}</label>
      <input id="name" name="name" autocomplete="username" maxlength="40" value="{escape(name)}"
             placeholder="{t("login.name_hint")}">
      <label for="password">{t("login.password")}</label>
      <input id="password" name="password" type="password" autocomplete="current-password" required autofocus
             maxlength="200">
      <button type="submit">{t("login.submit")}</button>
    </form>"""
    return _template().substitute(
        lang=lang, title=t("login.title"), lead=t("login.lead"), body=body + _languages(after, lang), head=""
    )


def _languages(after: str, lang: str) -> str:
    """The other languages, as links to the same form."""
    links = "".join(
        f'<a href="/login?{escape(urlencode({"lang": one, "next": after}))}" lang="{one}">{OWN_NAMES[one]}</a>'
        for one in LANGUAGES
        if one != lang
    )
    return f'<nav class="langs">{links}</nav>'


def unreachable_page(lang: str) -> str:
    """Redis cannot be asked who this is; the page tries again by itself."""
    return _template().substitute(
        lang=lang,
        title=escape(text.t("store.title", lang=lang)),
        lead=escape(text.t("store.away", lang=lang)),
        body=f'<p class="quiet">{escape(text.t("store.retry", lang=lang))}</p>',
        head='<meta http-equiv="refresh" content="5">',
    )


def nowhere_page(lang: str) -> str:
    """There is no such page, and the way to one."""
    return _template().substitute(
        lang=lang,
        title=escape(text.t("nowhere.title", lang=lang)),
        lead=f'<a href="/">{escape(text.t("overview.title", lang=lang))}</a>',
        body="",
        head="",
    )
