"""A whole transcript as one piece of HTML: cheap to send, nothing in it but escaped text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from html import escape
from urllib.parse import quote

from common.conversations.rows import TranscriptEntry
from console.data import format as fmt
from console.text import kind as kind_name
from console.text import t
from console.widgets import status

_MEDIA_ICONS = {
    "audio": "mic", "image": "image", "video": "movie", "document": "description", "sticker": "mood",
    "location": "location_on", "contacts": "contact_page", "order": "shopping_bag", "reaction": "add_reaction",
    "interactive": "touch_app", "button": "touch_app", "template": "article",
}  # fmt: skip


def html(entries: Sequence[TranscriptEntry], *, now: float, zone: tzinfo) -> str:
    """Bubbles with day separators, oldest first."""
    if not entries:
        return f'<div class="rv-log"><p class="rv-system">{escape(t("transcript.empty"))}</p></div>'
    parts, day = [f'<div class="rv-log" role="log" tabindex="0" aria-label="{escape(t("transcript.label"))}">'], ""
    for entry in entries:
        name = fmt.day_name(entry.at, now, zone)
        if name != day:
            parts.append(f'<p class="rv-day"><span>{escape(name)}</span></p>')
            day = name
        parts.append(_entry(entry, zone))
    return "".join((*parts, "</div>"))


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
        symbol = status.icon(_MEDIA_ICONS.get(entry.kind, "attach_file"))
        media = f'<div class="rv-media">{symbol}<span>{escape(kind_name(entry.kind))}</span></div>'
    if entry.text:
        return f'{media}<div class="rv-text" dir="auto">{escape(entry.text)}</div>'
    waiting = "" if media else f'<div class="rv-text rv-soft">{escape(t("transcript.new"))}</div>'
    return media + waiting


def _foot(entry: TranscriptEntry, zone: tzinfo) -> str:
    who = "" if entry.dir == "in" else f"<span>{escape(entry.actor or _by(entry.by))}</span>"
    job = ""
    if entry.job and entry.dir == "out":
        job = f'<a data-go href="/job?id={quote(entry.job, safe="")}">{escape(t("transcript.job"))}</a>'
    tick = status.tick(entry.state, entry.error or entry.why) if entry.dir == "out" else ""
    return f'<div class="rv-foot">{who}{job}<time>{fmt.clock(entry.at, zone)}</time>{tick}</div>'


def _by(by: str) -> str:
    return t("transcript.bot") if by == "bot" else by


def _problem(entry: TranscriptEntry) -> str:
    """Why a bubble never reached the customer, in words below it."""
    if entry.state == "failed":
        code = f" ({entry.error_code})" if entry.error_code else ""
        return f'<p class="rv-problem">{status.icon("error")}{escape((entry.error or "failed") + code)}</p>'
    if entry.state == "canceled":
        why = f": {entry.why}" if entry.why else ""
        return f'<p class="rv-problem rv-soft">{status.icon("block")}{escape(t("transcript.canceled") + why)}</p>'
    return ""
