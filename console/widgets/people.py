"""Conversations as a list of links, and one conversation's facts; one piece of HTML each."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import urlencode

from common.conversations.rows import ConversationDetail, ConversationRow
from console.data import format as fmt
from console.data import inbox
from console.text import kind as kind_name
from console.text import said, t
from console.widgets import status, transcript


def listing(rows: Sequence[ConversationRow], *, now: float, show: str, chosen: str = "") -> str:
    """The rows of an inbox; each opens its conversation and keeps the filter."""
    lines = "".join(_row(row, now, show, row.cid == chosen) for row in rows)
    return f'<nav class="rv-list" aria-label="{escape(t("inbox.list"))}">{lines}</nav>'


def waiting_list(rows: Sequence[ConversationRow], *, now: float) -> str:
    """Who waits for a person: name, reason, wait."""
    lines = "".join(
        f'<a data-go class="rv-wait" href="{_href(row.cid, "waiting")}"><b>{escape(inbox.name_of(row))}</b>'
        f"<span>{escape(said(row.reason))}</span><i>{fmt.duration(now - row.since)}</i></a>"
        for row in rows
    )
    return f'<nav class="rv-list" aria-label="{escape(t("overview.people"))}">{lines}</nav>'


def facts(detail: ConversationDetail, *, now: float) -> str:
    """The panel beside a transcript."""
    row = detail.row
    left = row.window_until - now
    window = t("inbox.window_left", left=fmt.duration(left)) if left > 0 else t("inbox.window_closed")
    tone = "" if left > 3600 else " rv-orange" if left > 0 else " rv-red"
    lines = [
        (t("inbox.owner"), status.owner_badge(row.owner)),
        (t("inbox.since"), escape(fmt.duration(now - row.since))),
        (t("inbox.agent"), escape(row.agent)),
        (t("inbox.reason"), escape(said(row.reason))),
        (t("inbox.window"), f'<span class="rv-ink{tone}">{escape(window)}</span>'),
        (t("inbox.phone"), escape(row.tail and f"···{row.tail}")),
        (t("inbox.opted_out"), escape(fmt.duration(now - detail.opted_out)) if detail.opted_out else ""),
        (t("inbox.messages"), fmt.number(detail.messages)),
        (t("inbox.number"), escape(detail.phone_number_id)),
    ]
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in lines if value)
    return f'<dl class="rv-facts">{rows}</dl>'


def head(row: ConversationRow, show: str) -> str:
    """Name and state above a transcript, with the way back that narrow screens need."""
    arrow = status.icon("arrow_back", t("inbox.back"))
    back = f'<a data-go class="rv-back" href="/inbox?{urlencode({"show": show})}">{arrow}</a>'
    return (
        f'<div class="rv-who">{back}<span class="rv-face">{escape(inbox.initials(row))}</span>'
        f"<b>{escape(inbox.name_of(row))}</b>{status.owner_badge(row.owner)}</div>"
    )


def _row(row: ConversationRow, now: float, show: str, chosen: bool) -> str:
    marked = ' aria-current="true"' if chosen else ""
    spoken = escape(t("inbox.unread", n=row.unread))
    unread = f'<em role="img" aria-label="{spoken}" title="{spoken}">{row.unread}</em>' if row.unread else ""
    look = status.OWNERS.get(row.owner)
    waited = fmt.short(now - (row.since if row.owner == "waiting" else row.last_at))
    tone = look.tone if look else "gray"
    mark = status.icon(look.icon if look else "circle", t(f"owner.{row.owner}") if look else row.owner)
    why = f"<small>{escape(said(row.reason))}</small>" if row.owner == "waiting" and row.reason else ""
    return (
        f'<a data-go href="{_href(row.cid, show)}" class="rv-person{" rv-fresh" if row.unread else ""}"{marked}>'
        f'<span class="rv-face">{escape(inbox.initials(row))}</span><b>{escape(inbox.name_of(row))}</b>'
        f'<i class="rv-ink rv-{tone}">{mark}{waited}</i>'
        f"{_preview(row)}{unread}{why}</a>"
    )


def _preview(row: ConversationRow) -> str:
    """The last message in a line; a placeholder for one that no worker has read yet."""
    if row.preview:
        sent = status.icon("reply") if row.preview_dir == "out" else ""
        return f"<span>{sent}{escape(row.preview)}</span>"
    if row.preview_dir == "in" and row.preview_kind in ("", "text", "unknown"):
        return f'<span class="rv-new">{status.icon("mark_chat_unread")}{escape(t("inbox.new"))}</span>'
    return f"<span>{status.icon(transcript.media_icon(row.preview_kind))}{escape(kind_name(row.preview_kind))}</span>"


def _href(cid: str, show: str) -> str:
    return escape("/inbox?" + urlencode({"show": show, "chat": cid}))
