"""Generate: ask the model, which sees redacted text only, while the customer sees that somebody is typing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import structlog

from common.ai.base import AIError, AIRequest, AIResult
from common.ai.prompts import system_prompt
from common.errors import ChannelError
from common.handover.texts import for_media
from workers.pipeline.steps.detect import step_back
from workers.pipeline.turn import Services, Turn

log = structlog.get_logger("turn")


async def generate(turn: Turn, services: Services) -> Turn:
    """Sets `result`.

    Raises:
        AIError: every provider failed; the job is tried again, until the customer has waited long enough: then the
            chat goes to a person with one honest line.
    """
    if turn.handover:
        return turn
    if not turn.question:  # a picture or a voice note without words
        text = for_media("audio" if turn.messages[-1].kind == "voice" else turn.messages[-1].kind, turn.lang)
        return replace(turn, result=AIResult(reply=text, provider="builtin", model="canned"))
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
        async with _typing(turn, services):
            result = await services.ai.complete(request, deadline=settings.ai_timeout_seconds)
    except AIError as error:
        if error.retryable and not _out_of_patience(turn, settings.ai_patience_seconds):
            raise
        log.exception("no model answers: a person is told", turn=turn.id)
        return step_back(turn, services, f"no model answers: {type(error).__name__}", "failure")
    return replace(turn, result=result)


def _out_of_patience(turn: Turn, seconds: float) -> bool:
    """The customer has waited long enough for a model, over more than one attempt."""
    waited = turn.now - min(message.received for message in turn.messages)
    return turn.job.last_attempt or (turn.job.attempt > 1 and waited > seconds)


@contextlib.asynccontextmanager
async def _typing(turn: Turn, services: Services) -> AsyncIterator[None]:
    """Blue ticks and the typing indicator; a courtesy that never delays or fails an answer."""
    wamid = turn.messages[-1].wamid
    if not services.settings.typing_indicator or not wamid:
        yield
        return
    task = asyncio.create_task(
        services.receipts.mark_read(turn.conversation.phone_number_id, wamid, typing=True), name="typing"
    )
    try:
        yield
    finally:
        if not task.done():
            await asyncio.wait((task,), timeout=0.25)  # else it could arrive after the answer and show for 25 s
            task.cancel()
        with contextlib.suppress(ChannelError, asyncio.CancelledError):
            await task
