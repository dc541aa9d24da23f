"""What a person sees of conversations, as values: rows, details, bubbles, turns.

Times are unix seconds, 0 when it never happened. Texts are redacted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

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
class Source:
    """A piece of knowledge that was found for a question. `score` is the search engine's, `confidence` 0 to 1;
    `cited`: the model says that it used it."""

    id: str
    title: str
    score: float
    confidence: float
    cited: bool


@dataclass(frozen=True, slots=True)
class TurnDetail:
    """One batch in and one reply out.

    `at` is when the reply was decided, `done_at` when it was over. `timings` are milliseconds per step, `latency_ms`
    the model's own; tokens are None when the provider does not count them, `confidence` (0 to 1) when no model spoke.
    """

    turn: str
    conversation: str
    job: str
    state: str
    outcome: str
    reason: str
    messages: list[str]
    parts: list[str]
    prompt: str
    lang: str
    sources: list[Source]
    provider: str
    model: str
    confidence: float | None
    tokens_in: int | None
    tokens_out: int | None
    latency_ms: float
    timings: dict[str, float]
    at: float
    done_at: float


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message of a turn and its way: of an inbound one `at` and `received_at`, of an outbound one the rest."""

    mid: str
    dir: str
    kind: str
    text: str | None
    state: str
    at: float
    received_at: float
    accepted_at: float
    sent_at: float
    delivered_at: float
    read_at: float
    failed_at: float
    error: str
    error_code: int | None
    why: str


#: Seconds of rest from which on people are told: shorter ones are the rhythm of rate limits.
LONG_REST = 10.0


@dataclass(frozen=True, slots=True)
class NumberState:
    """A business number. `blocked`: WhatsApp refuses it until a person acts; else it may rest until `paused_until`."""

    phone_number_id: str
    blocked: bool
    paused_until: float
    reason: str

    def rests(self, now: float) -> float:
        """Seconds that it still rests by itself, 0 when that is too short to speak of."""
        left = self.paused_until - now
        return left if left > LONG_REST and not self.blocked else 0.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """People who wait for a person, and how long the first of them has, in seconds."""

    count: int
    oldest_seconds: float
