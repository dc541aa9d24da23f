"""A whole transcript as one piece of HTML: cheap to send, nothing in it but escaped text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import tzinfo
from html import escape
from urllib.parse import quote

from common.conversations.rows import Bubble, TranscriptEntry
from console.data import format as fmt
from console.text import kind as kind_name
from console.text import meta, said, t
from console.widgets import status

_MEDIA_ICONS = {
    "audio": "mic", "image": "image", "video": "movie", "document": "description", "sticker": "mood",
    "location": "location_on", "contacts": "contact_page", "order": "shopping_bag", "reaction": "add_reaction",
    "interactive": "touch_app", "button": "touch_app", "template": "article",
}  # fmt: skip

#: What WhatsApp shows as bold, italic and struck out: marks that hug their words, and cross no others.
_MARKS = tuple(
    (re.compile(rf"(?<![\w{mark}]){mark}(?=\S)([^{mark}<\n]*[^{mark}<\s]){mark}(?![\w{mark}])"), rf"<{tag}>\1</{tag}>")
    for mark, tag in ((r"\*", "b"), ("_", "em"), ("~", "s"))
)


def rich(text: str) -> str:
    """A text as the customer's phone shows it; escaped first, so that the only tags are these three."""
    shown = escape(text)
    for mark, tag in _MARKS:
        shown = mark.sub(tag, shown)
    return shown


def media_icon(name: str) -> str:
    """The symbol of a message type."""
    return _MEDIA_ICONS.get(name, "attach_file")


def html(entries: Sequence[TranscriptEntry], *, now: float, zone: tzinfo, unread: int = 0) -> str:
    """Bubbles with day separators, oldest first; a line stands above the `unread` last ones of the customer."""
    if not entries:
        return f'<div class="rv-log"><p class="rv-system">{escape(t("transcript.empty"))}</p></div>'
    parts, day = [f'<div class="rv-log" role="log" tabindex="0" aria-label="{escape(t("transcript.label"))}">'], ""
    first_new = _first_new(entries, unread)
    for entry in entries:
        name = fmt.day_name(entry.at, now, zone)
        if name != day:
            parts.append(f'<p class="rv-day"><span>{escape(name)}</span></p>')
            day = name
        if entry is first_new:
            parts.append(f'<p class="rv-fresh-line"><span>{escape(t("inbox.new_from", n=unread))}</span></p>')
        parts.append(_entry(entry, zone))
    return "".join((*parts, "</div>"))


def _first_new(entries: Sequence[TranscriptEntry], unread: int) -> TranscriptEntry | None:
    inbound = [entry for entry in entries if entry.dir == "in"]
    return inbound[-unread] if 0 < unread <= len(inbound) else None


def _entry(entry: TranscriptEntry, zone: tzinfo) -> str:
    if entry.kind == "system":
        return f'<p class="rv-system">{escape(entry.text or kind_name(entry.kind))}</p>'
    side = "in" if entry.dir == "in" else "bot" if entry.by == "bot" else "human"
    lost = " rv-lost" if entry.state in ("failed", "canceled", "revoked") else ""
    return (
        f'<div class="rv-row rv-from-{side}"><div class="rv-bubble{lost}" data-mid="{escape(entry.mid)}">'
        f"{_quote(entry)}{_body(entry)}{_foot(entry, zone)}</div>{_problem(entry)}</div>"
    )


def _quote(entry: TranscriptEntry) -> str:
    return f'<div class="rv-quote">{escape(entry.quoted)}</div>' if entry.quoted else ""


def _body(entry: TranscriptEntry) -> str:
    media = ""
    if entry.kind not in ("text", "unknown"):
        symbol = status.icon(media_icon(entry.kind))
        media = f'<div class="rv-media">{symbol}<span>{escape(kind_name(entry.kind))}</span></div>'
    if entry.text:
        return f'{media}<div class="rv-text" dir="auto">{rich(entry.text)}</div>'
    return media or f'<div class="rv-text rv-new">{status.icon("mark_chat_unread")}{escape(t("transcript.new"))}</div>'


def _foot(entry: TranscriptEntry, zone: tzinfo) -> str:
    who = "" if entry.dir == "in" else f"<span>{escape(entry.actor or _by(entry.by))}</span>"
    job = ""
    if entry.job and entry.dir == "out":
        job = f'<a data-go href="/job?id={quote(entry.job, safe="")}">{escape(t("transcript.job"))}</a>'
    tick = status.tick(entry.state, said(entry.why)) if entry.dir == "out" else ""
    return f'<div class="rv-foot">{who}{job}<time>{fmt.clock(entry.at, zone)}</time>{tick}</div>'


def _by(by: str) -> str:
    return t("owner.bot") if by == "bot" else by


def _problem(entry: TranscriptEntry) -> str:
    """Why a bubble never reached the customer, in words below it."""
    if entry.state == "failed":
        return f'<p class="rv-problem">{status.icon("error")}<span>{escape(why_failed(entry))}</span></p>'
    if entry.state == "canceled":
        sentence = t("transcript.canceled_why", why=said(entry.why)) if entry.why else t("tick.canceled")
        return f'<p class="rv-problem rv-soft">{status.icon("block")}<span>{escape(sentence)}</span></p>'
    return ""


def why_failed(entry: TranscriptEntry | Bubble) -> str:
    """What became of a failed bubble, in words: what Meta's code means and what to do; else what Meta said."""
    known = meta(entry.error_code)
    reason = ". ".join(known) if known else entry.error.rstrip(".") or t("transcript.failed_unknown")
    code = f" ({t('transcript.code', code=entry.error_code)})" if entry.error_code else ""
    return t("transcript.failed", reason=f"{reason}{code}")
