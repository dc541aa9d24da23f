"""Deliver: write down what was decided, then send it bubble by bubble, each exactly once."""

from __future__ import annotations

import orjson

from common.conversations.commands import day
from common.conversations.scripts import COMMIT_TURN
from common.errors import RelevoError
from common.handover.opting import OPTED_OUT
from common.store.scripts import Call
from workers.delivery import Lease
from workers.pipeline.turn import Services, Turn

HISTORY_TURNS = 20


class WroteMeanwhile(RelevoError):
    """The customer wrote while the answer was made, and nothing has left yet: the turn takes it in."""


async def deliver(turn: Turn, services: Services) -> Turn:
    """Sets `part_ids`, `outcome` and `pending` (calls that `record` sends along with its own).

    Raises:
        Later, ChannelError: as Delivery.deliver.
        WroteMeanwhile: decide again, with the newer messages.
    """
    first = None
    if not turn.resumed:
        part_ids = tuple(_part_id(turn.id, n) for n in range(len(turn.parts)))
        turn = turn._replace(part_ids=part_ids, new_history=_history(turn))
        first = _commit(turn, services)
    lease = Lease(turn.job.queue, turn.job.id, turn.job.execution)
    answers = orjson.dumps([message.mid for message in turn.messages]).decode()  # kept for a while: its bytes hold 4 KB
    delivered = await services.delivery.deliver(turn.tenant, turn.part_ids, lease, first=first, answers=answers)
    if delivered.first == b"more":
        raise WroteMeanwhile
    if delivered.sent:
        outcome, reason = ("handed_over", turn.handover) if turn.handover else ("answered", "")
    elif delivered.why == OPTED_OUT and not turn.handover:
        outcome, reason = "ignored", OPTED_OUT  # it was not the customer's last word
    else:
        outcome, reason = "left_to_person", delivered.why or "a person has this chat"
    return turn._replace(outcome=outcome, reason=reason, pending=delivered.pending)


def _part_id(turn_id: str, n: int) -> str:
    return f"o-{turn_id.removeprefix('t-')}-{n}"


def _history(turn: Turn) -> str:
    """The session's history with this turn in it, newest last, as JSON."""
    turns = [("user" if h.role == "user" else "assistant", h.text) for h in turn.session.history]
    turns.append(("user", turn.question or "(media)"))
    turns.append(("assistant", "\n".join(part.text for part in turn.parts)))
    return orjson.dumps(turns[-2 * HISTORY_TURNS :]).decode()


def _commit(turn: Turn, services: Services) -> Call:
    result = turn.result
    fields: dict[str, str | float | bytes] = {
        "outcome": "handed_over" if turn.handover else "answered",
        "reason": turn.handover,
        "messages": orjson.dumps([message.mid for message in turn.messages]),
        "parts": orjson.dumps(turn.part_ids),
        "prompt": turn.question,
        "lang": turn.lang,
        "history": turn.new_history,
        "sources": orjson.dumps([[s.id, s.title, round(s.score, 2), round(s.confidence, 3)] for s in turn.snippets]),
        "timings": orjson.dumps({name: round(ms, 1) for name, ms in turn.timings.items()}),
    }
    if result:
        fields |= {
            "provider": result.provider,
            "model": result.model,
            "confidence": result.confidence,
            "latency_ms": round(result.latency_ms, 1),
            "usage": orjson.dumps({"in": result.usage.tokens_in, "out": result.usage.tokens_out}),
            "cited": orjson.dumps(list(result.sources)),
        }
    texts = [item for message in turn.messages for item in (message.mid, turn.texts.get(message.mid, ""))]
    parts: list[str | bytes] = []
    for mid, part in zip(turn.part_ids, turn.parts, strict=True):
        body = services.vault.seal(orjson.dumps(part.payload))
        parts += [mid, str(part.payload["type"]), part.text, body, part.needs_owner]
    now = services.clock.now()
    return Call(
        COMMIT_TURN,
        (
            turn.tenant, turn.conversation.cid, turn.id, now, day(now), services.settings.transcript_days * 86400,
            turn.job.queue, turn.job.id, turn.job.execution, turn.handover, len(fields), len(turn.messages),
            len(turn.part_ids), int(turn.joins), *(item for pair in fields.items() for item in pair), *texts, *parts,
        ),
    )  # fmt: skip
