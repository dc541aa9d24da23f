"""What people see of conversations: pages, transcripts, numbers and counts. Reads only, never a SCAN.

A page costs two round trips, a transcript with quotes four, whatever their size. Texts are the redacted ones;
nothing here opens a seal.
Every function raises redis.exceptions.RedisError when Redis cannot answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from redis import Redis

from common.conversations.decoding import named, number, text, whole
from common.conversations.rows import (
    ConversationDetail,
    ConversationRow,
    NumberState,
    Page,
    TranscriptEntry,
    Waiting,
)
from common.store import keys

#: Rows of a page, and bubbles of a transcript page.
PAGE = 50

#: Conversations of one owner that are looked through for one agent's own.
OWN_SCAN = 500

#: Conversations, the newest, whose business numbers count as in use.
NUMBERS_SCAN = 200

_ROW = (
    "owner", "since", "agent", "reason", "unread", "last_at", "last_in_at", "window_until", "preview", "preview_kind",
    "preview_dir", "label", "tail", "v",
)  # fmt: skip
_ENTRY = ("dir", "kind", "text", "at", "state", "by", "actor", "turn", "job", "error", "error_code", "why", "refers")


def list_conversations(
    db: Redis, tenant: str, *, index: str = "all", offset: int = 0, limit: int = PAGE, agent: str | None = None
) -> Page[ConversationRow]:
    """A page of one index: newest activity first, but `waiting` longest wait first.

    Args:
        db: blocking client.
        tenant: whose.
        index: one of keys.INDEXES.
        offset: rows to skip.
        limit: rows at most.
        agent: only this person's, looked for among the newest OWN_SCAN of the index.

    """
    if index not in keys.INDEXES:
        raise ValueError(f"unknown index {index}: use one of {', '.join(keys.INDEXES)}")
    key = keys.index(tenant, index)
    if agent is not None:
        owned = _owned(db, tenant, key, agent)
        return Page(_rows(db, tenant, owned[offset : offset + limit]), len(owned))
    pipe = db.pipeline(transaction=False)
    pipe.zcard(key)
    (pipe.zrange if index == "waiting" else pipe.zrevrange)(key, offset, offset + limit - 1)
    total, members = pipe.execute()
    return Page(_rows(db, tenant, [text(m) for m in members]), int(total))


def counts(db: Redis, tenant: str) -> dict[str, int]:
    """How many conversations stand in each index."""
    pipe = db.pipeline(transaction=False)
    for name in keys.INDEXES:
        pipe.zcard(keys.index(tenant, name))
    return dict(zip(keys.INDEXES, map(int, pipe.execute()), strict=True))


def conversation(db: Redis, tenant: str, cid: str) -> ConversationDetail | None:
    """One conversation, or None when it is unknown or no longer kept."""
    contact_id = _contact_of(cid)
    pipe = db.pipeline(transaction=False)
    pipe.hmget(keys.conversation(tenant, cid), *_ROW, "phone_number_id", "contact")
    pipe.hget(keys.contact(tenant, contact_id), "opted_out")
    pipe.llen(keys.transcript(tenant, cid))
    values, opted_out, length = pipe.execute()
    conv = named((*_ROW, "phone_number_id", "contact"), values)
    if not any(conv.values()):
        return None
    return ConversationDetail(
        row=_row(cid, conv),
        phone_number_id=conv["phone_number_id"],
        contact=conv["contact"] or contact_id,
        opted_out=number(text(opted_out)),
        messages=int(length),
    )


def version(db: Redis, tenant: str, cid: str) -> int:
    """A number that grows with every change of the conversation; 0 when it is unknown."""
    return whole(text(db.hget(keys.conversation(tenant, cid), "v")))


def transcript(
    db: Redis, tenant: str, cid: str, *, newest: int = PAGE, before: int | None = None
) -> list[TranscriptEntry]:
    """The newest bubbles, oldest of them first; `before` is a position: only what came before it."""
    key = keys.transcript(tenant, cid)
    if before is None:
        pipe = db.pipeline(transaction=False)
        pipe.llen(key)
        pipe.lrange(key, -newest, -1)
        length, raw = pipe.execute()
        first = max(0, int(length) - newest)
    elif before <= 0:
        return []
    else:
        first = max(0, before - newest)
        raw = cast("list[Any]", db.lrange(key, first, before - 1))
    mids = [text(m) for m in raw]
    if not mids:
        return []
    pipe = db.pipeline(transaction=False)
    for mid in mids:
        pipe.hmget(keys.message(tenant, mid), *_ENTRY)
    found = [named(_ENTRY, values) for values in pipe.execute()]
    quoted = _quoted(db, tenant, {e["refers"] for e in found if e["refers"]})
    return [
        _entry(mid, first + i, fields, quoted)
        for i, (mid, fields) in enumerate(zip(mids, found, strict=True))
        if fields["dir"]  # a message may outlive its place in the list, never the other way round for long
    ]


def names_of(db: Redis, tenant: str, cids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """(label, tail) of the contacts of these conversations; those that are gone are left out. One round trip."""
    wanted = sorted(set(cids))
    if not wanted:
        return {}
    pipe = db.pipeline(transaction=False)
    for cid in wanted:
        pipe.hmget(keys.conversation(tenant, cid), "label", "tail")
    found = ((cid, text(label), text(tail)) for cid, (label, tail) in zip(wanted, pipe.execute(), strict=True))
    return {cid: (label, tail) for cid, label, tail in found if label or tail}


def numbers(db: Redis, tenant: str, configured: Sequence[str] = ()) -> list[NumberState]:
    """The state of the business numbers: the `configured` ones, then those of the newest conversations.

    Two round trips. A number that nothing is known of works.
    """
    pipe = db.pipeline(transaction=False)
    for name in ("all", "open"):
        pipe.zrevrange(keys.index(tenant, name), 0, NUMBERS_SCAN - 1)
    in_use = sorted({text(cid).partition(".")[0] for cids in pipe.execute() for cid in cids} - {""})
    return states_of(db, tenant, list(dict.fromkeys((*configured, *in_use))))


def states_of(db: Redis, tenant: str, phone_number_ids: Sequence[str]) -> list[NumberState]:
    """The state of these business numbers. One round trip."""
    pipe = db.pipeline(transaction=False)
    for one in phone_number_ids:
        pipe.hmget(keys.number(tenant, one), "paused_until", "reason", "blocked")
    return [
        NumberState(one, text(blocked) == "1", number(text(until)), text(reason))
        for one, (until, reason, blocked) in zip(phone_number_ids, pipe.execute(), strict=True)
    ]


def waiting_people(db: Redis, tenant: str, *, now: float) -> Waiting:
    """How many wait for a person, and the longest wait."""
    key = keys.index(tenant, "waiting")
    pipe = db.pipeline(transaction=False)
    pipe.zcard(key)
    pipe.zrange(key, 0, 0, withscores=True)
    count, first = pipe.execute()
    return Waiting(int(count), max(0.0, now - float(first[0][1])) if first else 0.0)


def day_counters(db: Redis, tenant: str, *, now: float) -> dict[str, int]:
    """What was counted since midnight UTC: inbound, answered, handed_over, sent, failed, ..."""
    day = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d")
    raw = cast("Mapping[Any, Any]", db.hgetall(keys.counters(tenant, day)))
    return {text(name): whole(text(value)) for name, value in raw.items()}


def _owned(db: Redis, tenant: str, key: str, agent: str) -> list[str]:
    members = [text(m) for m in cast("list[Any]", db.zrevrange(key, 0, OWN_SCAN - 1))]
    pipe = db.pipeline(transaction=False)
    for cid in members:
        pipe.hget(keys.conversation(tenant, cid), "agent")
    return [cid for cid, name in zip(members, pipe.execute(), strict=True) if text(name) == agent]


def _rows(db: Redis, tenant: str, cids: Sequence[str]) -> list[ConversationRow]:
    if not cids:
        return []
    pipe = db.pipeline(transaction=False)
    for cid in cids:
        pipe.hmget(keys.conversation(tenant, cid), *_ROW)
    rows = [_row(cid, named(_ROW, values)) for cid, values in zip(cids, pipe.execute(), strict=True)]
    return [row for row in rows if row.owner]  # its hash expired before its index entry


def _row(cid: str, conv: Mapping[str, str]) -> ConversationRow:
    return ConversationRow(
        cid=cid, label=conv["label"], tail=conv["tail"], owner=conv["owner"],
        since=number(conv["since"]), agent=conv["agent"], reason=conv["reason"], unread=whole(conv["unread"]),
        last_at=number(conv["last_at"]), last_in_at=number(conv["last_in_at"]),
        window_until=number(conv["window_until"]), preview=conv["preview"], preview_kind=conv["preview_kind"],
        preview_dir=conv["preview_dir"], v=whole(conv["v"]),
    )  # fmt: skip


def _entry(mid: str, position: int, fields: Mapping[str, str], quoted: Mapping[str, str]) -> TranscriptEntry:
    return TranscriptEntry(
        mid=mid, position=position, dir=fields["dir"], kind=fields["kind"] or "text", text=fields["text"] or None,
        at=number(fields["at"]), state=fields["state"], by=fields["by"], actor=fields["actor"], turn=fields["turn"],
        job=fields["job"], error=fields["error"], error_code=whole(fields["error_code"]) or None, why=fields["why"],
        quoted=quoted.get(fields["refers"]),
    )  # fmt: skip


def _quoted(db: Redis, tenant: str, refers: set[str]) -> dict[str, str]:
    """Texts of quoted messages by the digest of their wamid, which names an inbound mid or leads to one of ours."""
    if not refers:
        return {}
    names = sorted(refers)
    pipe = db.pipeline(transaction=False)
    for name in names:
        pipe.get(keys.wamid(tenant, name))
    mids = [text(ours) or f"m-{name}" for name, ours in zip(names, pipe.execute(), strict=True)]
    pipe = db.pipeline(transaction=False)
    for mid in mids:
        pipe.hget(keys.message(tenant, mid), "text")
    return {name: text(said) for name, said in zip(names, pipe.execute(), strict=True) if said}


def _contact_of(cid: str) -> str:
    return cid.partition(".")[2]
