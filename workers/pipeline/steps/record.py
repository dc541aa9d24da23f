"""Record: the turn is over; its messages are dealt with and the session remembers."""

from __future__ import annotations

from common.conversations.commands import day
from common.conversations.scripts import CLOSE_TURN
from common.rag.fitting import ENOUGH
from common.store.scripts import Call
from workers.outage import last_words
from workers.pipeline.turn import Services, Turn

#: What becomes of the messages of a turn, by its outcome.
STATE_OF = {"answered": "answered", "handed_over": "for_human", "left_to_person": "for_human", "ignored": "ignored"}


async def record(turn: Turn, services: Services) -> Turn:
    """Ends the turn, with what deliver left to settle: the last words of its job.

    Raises:
        RedisError: only where no worker takes them; the turn stays open and is completed by the job's next execution.
    """
    now = services.clock.now()
    misses = turn.session.misses
    if turn.result:
        misses = 0 if turn.result.confidence >= ENOUGH else misses + 1
    texts = [item for message in turn.messages for item in (message.mid, turn.texts.get(message.mid, ""))]
    spoke = turn.outcome in {"answered", "handed_over"}
    close = Call(
        CLOSE_TURN,
        (
            turn.tenant, turn.conversation.cid, turn.id, now, day(now), turn.job.queue, turn.job.id, turn.job.execution,
            turn.outcome, turn.reason, STATE_OF[turn.outcome], turn.new_history if spoke else "", misses, turn.lang,
            len(turn.messages), *texts,
        ),
    )  # fmt: skip
    await last_words(services.db, (*turn.pending, close))
    return turn
