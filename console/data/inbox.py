"""What the inbox decides: names, filters, who may write."""

from __future__ import annotations

from typing import NamedTuple

from common.conversations.rows import ConversationRow
from console.text import t

#: The filters of the inbox, in their order, and the index each reads.
SHOWS = {"waiting": "waiting", "mine": "human", "bot": "bot", "all": "all", "unread": "unread"}

#: Graph refuses free text in the window's last minute as often as not; desk_reply keeps the same margin.
WINDOW_MARGIN = 60


class Composer(NamedTuple):
    """May this person write now, and if not, the key of the sentence that says why."""

    open: bool
    why: str


def name_of(row: ConversationRow) -> str:
    """How a contact is called on screens: the label, else the end of the phone number."""
    return row.label or (f"···{row.tail}" if row.tail else t("inbox.unknown"))


def full_name(label: str, tail: str) -> str:
    """`Ana R. ···4567`, as much of it as is known."""
    return " ".join(part for part in (label, f"···{tail}" if tail else "") if part) or t("inbox.unknown")


def initials(row: ConversationRow) -> str:
    """Two letters for the round mark."""
    letters = [word[0] for word in row.label.split() if word[0].isalpha()]
    return "".join(letters[:2]).upper() or "?"


def composer(row: ConversationRow, *, me: str, role: str, now: float) -> Composer:
    """Only whoever took the chat over writes, and only inside WhatsApp's 24 h window."""
    if role == "viewer":
        return Composer(False, "inbox.reply_viewer")
    if row.owner != "human":
        return Composer(False, f"inbox.reply_{row.owner}")
    if row.agent != me:
        return Composer(False, "inbox.reply_human")
    if now > row.window_until - WINDOW_MARGIN:
        return Composer(False, "inbox.reply_window")
    return Composer(True, "")
