"""What a person sees of conversations, as values: rows, details, bubbles, turns.

Times are unix seconds, 0 when it never happened. Texts are redacted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from common.messages import Json

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and how many there are in all."""

    rows: list[T]
    total: int


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """One line of a conversation list.

    `label` is how the contact may be called on a screen ("Ana R."), "" when unknown; `tail` the phone's last 4 digits.
    """

    cid: str
    label: str
    tail: str
    owner: str
    since: float
    agent: str
    reason: str
    unread: int
    last_at: float
    last_in_at: float
    window_until: float
    preview: str
    preview_kind: str
    preview_dir: str
    v: int


@dataclass(frozen=True, slots=True)
class ConversationDetail:
    """One conversation: its row, and what only its own page shows. `opted_out` is unix seconds or 0."""

    row: ConversationRow
    phone_number_id: str
    contact: str
    opted_out: float
    messages: int


@dataclass(frozen=True, slots=True)
class TranscriptEntry:
    """One bubble. `text` is None while no worker has redacted it yet.

    `position` counts from the oldest message kept (0); `by` and `actor` say who wrote an outbound one.
    `why` is the reason of a canceled one, `error` Meta's sentence of a failed one.
    """

    mid: str
    position: int
    dir: str
    kind: str
    text: str | None
    at: float
    state: str
    by: str
    actor: str
    turn: str
    job: str
    error: str
    error_code: int | None
    why: str
    quoted: str | None


@dataclass(frozen=True, slots=True)
class TurnDetail:
    """One batch in and one reply out. `timings` are milliseconds per step; `sources` and `usage` are the worker's."""

    turn: str
    conversation: str
    job: str
    state: str
    outcome: str
    reason: str
    messages: list[str]
    parts: list[str]
    prompt: str
    sources: Json
    model: str
    usage: Json
    timings: dict[str, float]
    at: float
    done_at: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """People who wait for a person, and how long the first of them has, in seconds."""

    count: int
    oldest_seconds: float
