"""Markdown and HTML, as models write them, to WhatsApp's own formatting (*bold*, _italic_, ~struck~, ```code```)."""

from __future__ import annotations

import html
import re

#: Without any of this there is nothing to be done.
_ANYTHING = re.compile(r"[*_~#\[<+•\t\u00a0]| [ \n]|^ *-", re.MULTILINE)
_BREAK = re.compile(r"<br\s*/?>|</(?:p|div|h[1-6]|tr|ul|ol|table)\s*>", re.IGNORECASE)
_ITEM = re.compile(r"<li(?:\s[^<>]*)?>", re.IGNORECASE)
_AUTOLINK = re.compile(r"<(https?://[^<>\s]{1,2000}|[^<>\s@]{1,200}@[^<>\s@]{1,200})>", re.IGNORECASE)
_TAG = re.compile(r"<!--.{0,1000}?-->|</?[A-Za-z!?][^<>]*>", re.DOTALL)
_OPEN_TAG = re.compile(r"<(?=/?[A-Za-z!?])")

_IMAGE = re.compile(r"!\[([^\[\]\n]{0,300})\]\((https?://[^\s()]{1,2000})(?:\s+\"[^\"\n]*\")?\)")
_LINK = re.compile(r"\[([^\[\]\n]{1,300})\]\(((?:https?://|mailto:|tel:)[^\s()]{1,2000})(?:\s+\"[^\"\n]*\")?\)")
_HEADER = re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+(\S.*)$", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:-[ \t]*){3,}$|^[ \t]*(?:\*[ \t]*){3,}$|^[ \t]*(?:_[ \t]*){3,}$", re.MULTILINE)
_BULLET = re.compile(r"^([ \t]*)[*+•][ \t]+", re.MULTILINE)
_BOLD_ITALIC = re.compile(r"\*\*\*(?=\S)([^*\n]{1,1000}?)(?<=\S)\*\*\*")
_BOLD = re.compile(r"\*\*(?=\S)([^*\n]{1,1000}?)(?<=\S)\*\*")
_BOLD_LOW = re.compile(r"(?<![\w_])__(?=\S)([^_\n]{1,1000}?)(?<=\S)__(?![\w_])")
_STRUCK = re.compile(r"~~(?=\S)([^~\n]{1,1000}?)(?<=\S)~~")
_PLACEHOLDER = re.compile(r"[A-Z]{2,12}_[1-9][0-9]{0,5}")
#: At the end of a line nothing, between words one space; an indent stays. Each run is looked at once.
_TRAILING = re.compile(r"(?<![ \t\u00a0])[ \t\u00a0]++(?=\n|\Z)")
_WIDE = re.compile(r"(?<=[^ \t\u00a0\n])(?: [ \t\u00a0]++|[\t\u00a0][ \t\u00a0]*+)")
_BLANKS = re.compile(r"\n{3,}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def without_html(text: str) -> str:
    """`text` without control characters and HTML; its line breaks and list items stay as lines."""
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if "&" in text:
        text = _CONTROL.sub("", html.unescape(text))
    if "<" not in text:
        return text
    text = _AUTOLINK.sub(r"\1", text)
    text = _ITEM.sub("\n- ", _BREAK.sub("\n", text))
    for _ in range(4):
        text, removed = _TAG.subn("", text)
        if not removed:
            break
    return _OPEN_TAG.sub("", text)  # tags made of tags, or never closed


def from_markdown(text: str) -> str:
    """`text` in WhatsApp's formatting; what a reader would see as empty becomes ""."""
    if not _ANYTHING.search(text):
        return text.strip() if text.isprintable() else _tidy(text)
    text = _LINK.sub(_link, _IMAGE.sub(_link, text))
    text = _BULLET.sub(r"\1- ", _RULE.sub("", text))
    text = _HEADER.sub(_header, text)
    text = _BOLD_ITALIC.sub(r"*_\1_*", text)
    text = _BOLD_LOW.sub(r"*\1*", _BOLD.sub(r"*\1*", text))
    return _tidy(_OPEN_TAG.sub("", _STRUCK.sub(r"~\1~", text)))


def _header(found: re.Match[str]) -> str:
    words = found.group(1).rstrip("# \t").replace("*", "").strip()
    return f"**{words}**" if words else ""


def _link(found: re.Match[str]) -> str:
    words, target = found.group(1).strip(), found.group(2)
    if _PLACEHOLDER.fullmatch(words):  # the brackets are what it is restored by
        words = f"[{words}]"
    shown = target.removeprefix("mailto:").removeprefix("tel:")
    return shown if words in ("", shown, target) else f"{words} ({shown})"


def _tidy(text: str) -> str:
    text = _BLANKS.sub("\n\n", _WIDE.sub(" ", _TRAILING.sub("", text))).strip()
    return text if any(mark.isprintable() and not mark.isspace() for mark in text) else ""

