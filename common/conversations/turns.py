"""What people see of turns: how a reply came to be, and what became of its bubbles. Reads only.

Every function raises redis.exceptions.RedisError when Redis cannot answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from redis import Redis

from common.conversations.decoding import json, named, number, text, whole
from common.conversations.rows import Bubble, Source, TurnDetail
from common.messages import Json
from common.store import keys

#: Bubbles of a turn that are read at most; a burst and its reply are far fewer.
MOST = 100

_BUBBLE = (
    "dir", "kind", "text", "state", "at", "received", "accepted_at", "sent_at", "delivered_at", "read_at", "failed_at",
    "error", "error_code", "why",
)  # fmt: skip


def turn(db: Redis, tenant: str, turn_id: str) -> TurnDetail | None:
    """How one reply came to be, or None when it is unknown or no longer kept."""
    raw = cast("Mapping[Any, Any]", db.hgetall(keys.turn(tenant, turn_id)))
    return _turn(turn_id, {text(k): text(v) for k, v in raw.items()}) if raw else None


def of_message(db: Redis, tenant: str, mid: str) -> str:
    """The turn that dealt with a message; "" while none has."""
    return text(db.hget(keys.message(tenant, mid), "turn"))


def bubbles(db: Redis, tenant: str, mids: Sequence[str]) -> list[Bubble]:
    """Messages in the order of `mids`, those that are gone left out. One round trip."""
    if not mids:
        return []
    pipe = db.pipeline(transaction=False)
    for mid in mids[:MOST]:
        pipe.hmget(keys.message(tenant, mid), *_BUBBLE)
    found = [(mid, named(_BUBBLE, values)) for mid, values in zip(mids, pipe.execute(), strict=False)]
    return [_bubble(mid, fields) for mid, fields in found if fields["dir"]]


def _turn(turn_id: str, fields: Mapping[str, str]) -> TurnDetail:
    def word(name: str) -> str:
        return fields.get(name, "")

    usage, timings = json(word("usage"), {}), json(word("timings"), {})
    usage = usage if isinstance(usage, dict) else {}
    return TurnDetail(
        turn=turn_id, conversation=word("conv"), job=word("job"), state=word("state"), outcome=word("outcome"),
        reason=word("reason"), messages=_words(json(word("messages"), [])), parts=_words(json(word("parts"), [])),
        prompt=word("prompt"), lang=word("lang"), sources=_sources(json(word("sources"), []), json(word("cited"), [])),
        provider=word("provider"), model=word("model"),
        confidence=number(word("confidence")) if word("confidence") else None,
        tokens_in=_count(usage.get("in")), tokens_out=_count(usage.get("out")), latency_ms=number(word("latency_ms")),
        timings={str(k): number(v) for k, v in timings.items()} if isinstance(timings, dict) else {},
        at=number(word("at")), done_at=number(word("done_at")),
    )  # fmt: skip


def _sources(rows: Json, cited: Json) -> list[Source]:
    """`[[id, title, score, confidence], ...]`; what has another shape is left out."""
    used = set(_words(cited))
    return [
        Source(str(row[0]), str(row[1]), number(row[2]), min(1.0, max(0.0, number(row[3]))), str(row[0]) in used)
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, list) and len(row) == len(("id", "title", "score", "confidence"))
    ]


def _bubble(mid: str, fields: Mapping[str, str]) -> Bubble:
    def at(name: str) -> float:
        return number(fields[name])

    return Bubble(
        mid=mid, dir=fields["dir"], kind=fields["kind"] or "text", text=fields["text"] or None, state=fields["state"],
        at=at("at"), received_at=at("received"), accepted_at=at("accepted_at"), sent_at=at("sent_at"),
        delivered_at=at("delivered_at"), read_at=at("read_at"), failed_at=at("failed_at"), error=fields["error"],
        error_code=whole(fields["error_code"]) or None, why=fields["why"],
    )  # fmt: skip


def _words(value: Json) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None
