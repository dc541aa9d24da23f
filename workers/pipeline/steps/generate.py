"""Generate: ask the model, which sees redacted text only, while the customer sees that somebody is typing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from common.ai.base import AIError, AIRequest, AIResult
from common.ai.prompts import system_prompt
from common.errors import ChannelError, Later
from common.handover.texts import for_media
from workers.patience import next_wait
from workers.pipeline.steps.detect import step_back
from workers.pipeline.turn import Services, Turn

log = structlog.get_logger("turn")


async def generate(turn: Turn, services: Services) -> Turn:
    """Sets `result`.

    Raises:
        Later: every provider failed, and the customer has not waited for long: no attempt is spent. Once they have,
            the chat goes to a person with one honest line.
        AIError: the same, where clocks do not agree on how long that is: attempts tell.
    """
    if not turn.question:  # a picture or a voice note without words
        text = for_media("audio" if turn.messages[-1].kind == "voice" else turn.messages[-1].kind, turn.lang)
        return turn._replace(result=AIResult(reply=text, provider="builtin", model="canned"))
    settings = services.settings
    request = AIRequest(
        tenant=turn.tenant,
        conversation=turn.conversation.cid,
        system=system_prompt(business=settings.business_name, lang=turn.lang, own=settings.ai_system_prompt),
        message=turn.question,
        lang=turn.lang,
        snippets=turn.snippets,
        history=turn.session.history,
        max_tokens=settings.ai_max_tokens,
    )
    try:
        asking = services.ai.complete(request, deadline=settings.ai_timeout_seconds)
        if settings.typing_indicator and turn.messages[-1].wamid:
            async with _typing(turn, services):
                result = await asking
        else:
            result = await asking
    except AIError as error:
        if error.retryable:
            await _try_again(turn, services, error)
        log.exception("no model answers: a person is told", turn=turn.id)
        return step_back(turn, services, f"no model answers: {type(error).__name__}", "failure")
    return turn._replace(result=result)


async def _try_again(turn: Turn, services: Services, error: AIError) -> None:
    """Returns when the customer has waited long enough for a model, over more than one attempt.

    Raises:
        Later, AIError: as `generate`.
    """
    settings = services.settings
    waited = turn.now - min(message.received for message in turn.messages)
    wait = next_wait(
        waited, settings.ai_patience_seconds, base=settings.retry_base_seconds, at_least=error.retry_after or 0.0
    )
    if wait is not None:
        seconds, micros = await services.db.time()  # what waits goes by Redis' clock
        raise Later(int(seconds) + int(micros) / 1e6 + wait, f"no model answers: {type(error).__name__}") from error
    if not turn.job.last_attempt and (turn.job.attempt == 1 or waited < 0):
        raise error


@contextlib.asynccontextmanager
async def _typing(turn: Turn, services: Services) -> AsyncIterator[None]:
    """Blue ticks and the typing indicator; a courtesy that never delays or fails an answer."""
    last = turn.messages[-1].wamid
    task = asyncio.create_task(
        services.receipts.mark_read(turn.conversation.phone_number_id, last, typing=True), name="typing"
    )
    try:
        yield
    finally:
        if not task.done():
            await asyncio.wait((task,), timeout=0.25)  # else it could arrive after the answer and show for 25 s
            task.cancel()
        with contextlib.suppress(ChannelError, asyncio.CancelledError):
            await task
