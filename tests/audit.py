"""The audit: what customers wrote, what they got, and what the store says about it, message by message.

Every message of a load carries a code of its own, and the echo model repeats it, so each bubble that the simulator
accepted names the messages it answers.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from redis import Redis

from common.messages import message_id
from common.queueing import keys as queue_keys
from common.queueing.queues import MESSAGES, WHATSAPP_AI
from common.store import keys

T = "default"
CODE = re.compile(r"\bx[bcdfghjklm]{7}\b")
_LETTERS = "bcdfghjklm"  # no vowels: a code is no word, no number and no name
_serial = itertools.count(1)
#: What a message of the store may end as without an answer of the bot: a person has it.
TO_A_PERSON = frozenset({"for_human", "dead"})
ARRIVED = frozenset({"accepted", "sent", "delivered", "read", "played"})
STEP = 2_000  # rows a round trip
Kept = Mapping[str, Sequence[str | None]]


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a customer; `at` is when they wrote it (unix s)."""

    wa_id: str
    code: str
    wamid: str
    at: float


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of them. Lists hold one readable line a finding; delays are in seconds, one an answered message."""

    messages: int
    answered: int
    to_a_person: int
    lost: list[str]
    doubled: list[str]
    out_of_order: list[str]
    stuck: list[str]
    delays: list[float] = field(repr=False)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.out_of_order or self.stuck)

    def delay(self, share: float) -> float:
        """The delay that `share` (0 to 1) of the answers did not exceed."""
        return sorted(self.delays)[min(len(self.delays) - 1, int(share * len(self.delays)))] if self.delays else 0.0

    def assert_clean(self) -> Audit:
        """Returns self.

        Raises:
            AssertionError: something was lost, doubled, out of order or is stuck; says what.
        """
        assert self.clean, "\n".join(
            f"{name}: {len(found)}: " + "; ".join(found[:8])
            for name in ("lost", "doubled", "out_of_order", "stuck")
            if (found := getattr(self, name))
        )
        return self

    def line(self) -> str:
        """One line for people."""
        found = {"lost": self.lost, "doubled": self.doubled, "out of order": self.out_of_order, "stuck": self.stuck}
        return (
            f"{self.messages} messages, {self.answered} answered, {self.to_a_person} to a person, "
            + "".join(f"{len(lines)} {name}, " for name, lines in found.items())
            + f"delay p50 {self.delay(0.5):.2f} s, p99 {self.delay(0.99):.2f} s, worst {self.delay(1):.2f} s"
        )


def new_code() -> str:
    """A word that stands in no other message, and that no redaction touches."""
    return "x" + "".join(_LETTERS[int(digit)] for digit in f"{next(_serial):07d}")


def codes_of(entry: Mapping[str, Any]) -> list[str]:
    """The messages that a bubble of the ledger answers."""
    body = entry["body"]
    return CODE.findall(body["text"]["body"]) if body["type"] == "text" else []


def leftovers(db: Redis) -> list[str]:
    """What is under way in the queues and lists that answer customers; nothing, once all is done."""
    pipe = db.pipeline(transaction=False)
    names = []
    for queue in (WHATSAPP_AI, MESSAGES):
        pipe.llen(queue_keys.queue(queue))
        for of in (queue_keys.wip, queue_keys.scheduled, queue_keys.deferred):
            pipe.zcard(of(queue))
        names += [f"{kind} {queue}" for kind in ("queued", "running", "scheduled", "deferred")]
    pipe.zcard(queue_keys.LANES)
    pipe.zcard(keys.index(T, "open"))
    return [f"{name}: {n}" for name, n in zip([*names, "lanes", "open"], pipe.execute(), strict=True) if n]


def unfinished(db: Redis, said: Iterable[Said], kept: Kept = MappingProxyType({})) -> list[Said]:
    """Messages that are not stored yet or not dealt with. `kept`: what was seen of those that are gone by now."""
    asked = [one for one in said if message_id(one.wamid) not in kept]
    states = _fields(db, [message_id(one.wamid) for one in asked], "state")
    return [one for one, (state,) in zip(asked, states, strict=True) if state in {None, "new"}]


def audit(
    db: Redis, ledger: Sequence[Mapping[str, Any]], said: Sequence[Said], kept: Kept = MappingProxyType({})
) -> Audit:
    """Compare `said` and the simulator's ledger with transcripts, outbox and jobs. Waits for nothing.

    Args:
        kept: state, conversation and job, by mid, of messages whose retention was over before this audit.
    """
    customers = {one.wa_id for one in said}
    sent = [entry for entry in ledger if entry["key"] in customers]
    answers = defaultdict(list)
    for entry in sent:
        for code in codes_of(entry):
            answers[code].append(entry)
    mids = [message_id(one.wamid) for one in said]
    rows = _rows(db, mids, kept)
    order = _transcripts(db, {conv for _, conv, _ in rows.values() if conv})
    outbox = [mid for log in order.values() for mid in log if mid.startswith("o-")]
    states = {mid: row[0] for mid, row in _rows(db, outbox, kept).items()}
    by_mid = dict(zip(mids, said, strict=True))
    handed = [mid for mid, row in rows.items() if row[0] in TO_A_PERSON and not answers[by_mid[mid].code]]
    return Audit(
        messages=len(said),
        answered=sum(bool(answers[one.code]) for one in said),
        to_a_person=len(handed),
        lost=[*_lost(by_mid, rows, answers), *_never_left(states, sent)],
        doubled=_doubled(sent, answers),
        out_of_order=_out_of_order(order, by_mid, answers),
        stuck=[*leftovers(db), *_stuck(db, rows, states)],
        delays=[answers[one.code][0]["time"] - one.at for one in said if answers[one.code]],
    )


def _rows(db: Redis, mids: Sequence[str], kept: Kept) -> dict[str, list[Any]]:
    """State, conversation and job of each."""
    rows = dict(zip(mids, _fields(db, mids, "state", "conv", "job"), strict=True))
    return rows | {mid: list(kept[mid]) for mid in mids if mid in kept}


def _lost(by_mid: Mapping[str, Said], rows: Mapping[str, list[Any]], answers: Mapping[str, list[Any]]) -> list[str]:
    return [
        f"{one.code} of {one.wa_id} is {rows[mid][0] or 'not stored'}"
        for mid, one in by_mid.items()
        if not answers[one.code] and rows[mid][0] not in TO_A_PERSON
    ]


def _never_left(states: Mapping[str, str | None], sent: Sequence[Mapping[str, Any]]) -> list[str]:
    """Bubbles that the store believes to have left, and that Meta never took."""
    taken = {str(entry["opaque"]).removeprefix(T + ":") for entry in sent}
    return [f"bubble {mid} is {state}, and was never taken" for mid, state in states.items()
            if state in ARRIVED and mid not in taken]  # fmt: skip


def _doubled(sent: Sequence[Mapping[str, Any]], answers: Mapping[str, list[Any]]) -> list[str]:
    bubbles = Counter(entry["opaque"] for entry in sent)
    return [
        *(f"bubble {opaque} left {n} times" for opaque, n in bubbles.items() if n > 1),
        *(f"{code} was answered {len(found)} times" for code, found in answers.items() if len(found) > 1),
    ]


def _out_of_order(
    order: Mapping[str, Sequence[str]], by_mid: Mapping[str, Said], answers: Mapping[str, list[Any]]
) -> list[str]:
    """Conversations in which a message was answered after one that was stored later."""
    found = []
    for log in order.values():
        at, last = -1, ""
        for mid in log:
            one = by_mid.get(mid)
            if one is None or not answers[one.code]:
                continue
            seq = answers[one.code][0]["seq"]
            if seq < at:
                found.append(f"{one.code} of {one.wa_id} was answered before {last}")
            at, last = max(at, seq), one.code
    return found


def _stuck(db: Redis, rows: Mapping[str, list[Any]], states: Mapping[str, str | None]) -> list[str]:
    jobs = [str(row[2]) for row in rows.values() if row[2]]
    lively = [
        f"job {job} is {status}"
        for job, (status,) in zip(jobs, _fields(db, jobs, "status", of=queue_keys.job), strict=True)
        if status not in {None, "finished", "failed", "stopped", "canceled"}
    ]
    return [*lively, *(f"bubble {mid} is {state}" for mid, state in states.items() if state in {"intent", "sending"})]


def _transcripts(db: Redis, conversations: Iterable[str]) -> dict[str, list[str]]:
    """The mids of each conversation, oldest first."""
    cids, out = sorted(conversations), {}
    for part in _parts(cids):
        pipe = db.pipeline(transaction=False)
        for cid in part:
            pipe.lrange(keys.transcript(T, cid), 0, -1)
        out |= {cid: [mid.decode() for mid in log] for cid, log in zip(part, pipe.execute(), strict=True)}
    return out


def _fields(db: Redis, names: Sequence[str], *wanted: str, of: Any = None) -> list[list[Any]]:
    """Fields of messages (or of what `of` makes a key of), as text; None where there is none."""
    key = of or (lambda name: keys.message(T, name))
    out = []
    for part in _parts(names):
        pipe = db.pipeline(transaction=False)
        for name in part:
            pipe.hmget(key(name), *wanted)
        out += [[value.decode() if value else None for value in row] for row in pipe.execute()]
    return out


def _parts(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[i : i + STEP] for i in range(0, len(items), STEP))
