"""How a turn spent its time: from the customer's words to the bubbles on their phone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from common.conversations.rows import Bubble, TurnDetail


class Hop(NamedTuple):
    """A part of the whole way: its name (group `turn.hop`) and seconds."""

    name: str
    seconds: float


class Step(NamedTuple):
    """A step of the pipeline: its name (group `turn.step`), milliseconds, and its share of the longest step."""

    name: str
    ms: float
    share: float


class Mark(NamedTuple):
    """A station of a bubble: its name (group `turn.way`), when (unix s), and seconds since the one before, or None."""

    name: str
    at: float
    after: float | None


def steps(turn: TurnDetail, sent: Sequence[Bubble]) -> list[Step]:
    """The steps in their order. Sending is not over when the turn is written down, so it is taken from the bubbles."""
    took = dict(turn.timings)
    accepted = max((bubble.accepted_at for bubble in sent), default=0.0)
    if "deliver" not in took and turn.at and accepted >= turn.at:
        took["deliver"] = (accepted - turn.at) * 1000
    longest = max(took.values(), default=0.0) or 1.0
    return [Step(name, ms, ms / longest) for name, ms in took.items()]


def hops(turn: TurnDetail, asked: Sequence[Bubble], sent: Sequence[Bubble]) -> list[Hop]:
    """Waited (the customer was still writing, or the queue was long), decided, handed over, on its way; as far as the
    turn came. Clocks of the parties differ: what would be negative is left out."""
    came = max((bubble.received_at or bubble.at for bubble in asked), default=0.0)
    decided, thought = turn.at, sum(turn.timings.values()) / 1000
    accepted = max((bubble.accepted_at for bubble in sent), default=0.0)
    arrived = max((bubble.delivered_at or bubble.read_at for bubble in sent), default=0.0)
    found = []
    if came and decided - thought >= came:
        found.append(Hop("waited", decided - thought - came))
    if thought:
        found.append(Hop("thought", thought))
    if decided and accepted >= decided:
        found.append(Hop("posted", accepted - decided))
    if accepted and arrived >= accepted:
        found.append(Hop("travelled", arrived - accepted))
    return found


def way(bubble: Bubble) -> list[Mark]:
    """The stations of an outbound bubble in their order. Meta counts whole seconds, so they may seem to come early."""
    times = (
        ("accepted", bubble.accepted_at), ("sent", bubble.sent_at), ("delivered", bubble.delivered_at),
        ("read", bubble.read_at), ("failed", bubble.failed_at),
    )  # fmt: skip
    marks: list[Mark] = []
    for name, at in times:
        if at:
            marks.append(Mark(name, at, max(0.0, at - marks[-1].at) if marks else None))
    return marks
