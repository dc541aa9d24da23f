"""One map of states to word, colour and icon. Colour never stands alone: the word is always with it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import NamedTuple

from console.text import t, word


class Look(NamedTuple):
    """`tone` is a class of theme/style.css, `icon` a Material symbol."""

    tone: str
    icon: str


OWNERS: Mapping[str, Look] = {
    "bot": Look("blue", "smart_toy"),
    "waiting": Look("orange", "schedule"),
    "human": Look("green", "person"),
    "closed": Look("gray", "check"),
}
JOBS: Mapping[str, Look] = {
    "queued": Look("gray", "hourglass_empty"),
    "started": Look("blue", "play_arrow"),
    "finished": Look("green", "check"),
    "failed": Look("red", "error"),
    "scheduled": Look("violet", "event"),
    "deferred": Look("orange", "low_priority"),
    "canceled": Look("gray", "block"),
    "stopped": Look("gray", "stop"),
}
TICKS: Mapping[str, Look] = {
    "intent": Look("soft", "schedule"),
    "sending": Look("soft", "schedule"),
    "accepted": Look("soft", "check"),
    "sent": Look("soft", "check"),
    "delivered": Look("soft", "done_all"),
    "read": Look("accent", "done_all"),
    "played": Look("accent", "done_all"),
    "failed": Look("red", "error"),
    "canceled": Look("soft", "block"),
}
OUTCOMES: Mapping[str, Look] = {
    "answered": Look("green", "check"),
    "handed_over": Look("orange", "front_hand"),
    "left_to_person": Look("orange", "person"),
    "ignored": Look("gray", "block"),
    "already": Look("gray", "done_all"),
    "": Look("blue", "hourglass_empty"),
}
_PLAIN = Look("gray", "circle")


def icon(name: str, title: str = "") -> str:
    """A Material symbol; decorative without a title."""
    described = f' role="img" aria-label="{escape(title)}" title="{escape(title)}"' if title else ' aria-hidden="true"'
    return f'<span class="rv-icon"{described}>{name}</span>'


def owner_badge(owner: str) -> str:
    """Who has a conversation."""
    look = OWNERS.get(owner, _PLAIN)
    return badge(word("owner", owner), look)


def job_badge(state: str) -> str:
    """How a job stands."""
    return badge(word("job.state", state), JOBS.get(state, _PLAIN))


def outcome_badge(outcome: str) -> str:
    """How a turn ended."""
    return badge(word("turn.outcome", outcome), OUTCOMES.get(outcome, _PLAIN))


def paused_badge() -> str:
    """A queue that no worker takes jobs from."""
    return badge(t("jobs.paused_badge"), Look("orange", "pause_circle"))


def badge(name: str, look: Look) -> str:
    """A word with its icon in its colour."""
    return f'<span class="rv-badge rv-{look.tone}">{icon(look.icon)}{escape(name)}</span>'


def tick(state: str, detail: str = "") -> str:
    """The delivery mark of an outbound bubble."""
    look = TICKS.get(state)
    name = word("tick", state)
    title = f"{name}: {detail}" if detail else name
    return f'<span class="rv-tick rv-{look.tone}">{icon(look.icon, title)}</span>' if look else ""
