"""Load: the turn that a message belongs to, in one read; mostly it came with the job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import structlog

from common.ai.base import ChatTurn
from common.conversations.identity import sender_of
from common.conversations.scripts import LOAD_TURN
from common.errors import Later
from common.messages import Sender
from common.queueing.context import JobContext
from common.store.vault import SealBroken, Vault
from workers.pipeline.turn import Conversation, Received, Services, Session, Turn

log = structlog.get_logger("turn")

#: Seconds; clocks of web and worker may differ by that much without a burst being put off twice.
SKEW = 0.05


def single(quiet: float) -> str:
    """How LOAD_TURN is told whether a turn is one message alone, from the quiet seconds."""
    return str(int(quiet == 0))


async def load(tenant: str, mid: str, job: JobContext, services: Services) -> Turn | None:
    """The turn of message `mid`; stopped with outcome `already` when it was dealt with; None when it is gone.

    Raises:
        Later: the customer is still writing.
    """
    quiet = services.settings.quiet_seconds
    row = job.briefing
    if row is None:
        row = await LOAD_TURN.run(services.db, tenant, mid, single(quiet))
    if not row:
        return None
    cid, state, turn_of, conv, session, who, turn_id, stored, messages = row
    now = services.clock.now()
    turn = Turn(
        tenant=tenant,
        job=job,
        now=now,
        id=turn_id.decode(),
        conversation=Conversation(cid.decode(), _text(conv[0]), _text(conv[1]), float(conv[3] or 0), bool(conv[4])),
        session=_session(session, services),
        sender=_sender(who, services.vault),
        messages=tuple(_received(fields, services.vault) for fields in messages),
        resumed=bool(stored) and stored[0] == b"open" and bool(stored[2]),
        part_ids=tuple(orjson.loads(stored[2] or b"[]")) if stored else (),
        new_history=_text(stored[3]) if stored else "",
        handover=_text(stored[5]) if stored and stored[1] == b"handed_over" else "",
        outcome="" if state == b"new" else "already",
        reason="" if state == b"new" else _text(turn_of),
    )
    if quiet and not turn.stopped and not turn.resumed and turn.conversation.owner == "bot":
        _wait_for_quiet(turn, quiet)
    return turn


def _wait_for_quiet(turn: Turn, quiet: float) -> None:
    received = [message.received for message in turn.messages]
    due = min(max(received) + quiet, min(received) + 4 * quiet)
    if SKEW < due - turn.now <= 4 * quiet:  # more than that, and the clocks of web and worker do not agree
        raise Later(due, "the customer is still writing")


def _received(fields: Sequence[Any], vault: Vault) -> Received:
    mid, kind, at, received, raw, refers, wish = fields
    try:
        kept = vault.open_json(raw)
    except SealBroken:
        log.exception("sealed message cannot be opened: is an old ENCRYPTION_KEY missing?", message=_text(mid))
        kept = {}
    return Received(
        mid=mid.decode(),
        wamid=str(kept.get("raw", {}).get("id", "")),
        kind=kind.decode(),
        at=float(at),
        received=float(received),
        text=kept.get("text") or "",
        refers="m-" + refers.decode() if refers else "",
        group=bool(kept.get("group")),
        wish=_text(wish),
    )


def _session(fields: Sequence[Any], services: Services) -> Session:
    _, history, misses, lang = fields
    turns = orjson.loads(history) if history else []
    return Session(
        history=tuple(map(ChatTurn._make, turns)),
        misses=int(misses or 0),
        lang=_text(lang) or services.settings.default_language,
    )


def _sender(who: bytes | None, vault: Vault) -> Sender:
    try:
        return sender_of(vault.open_json(who)) if who else Sender()
    except SealBroken:
        return Sender()


def _text(value: bytes | None) -> str:
    return value.decode() if value else ""
