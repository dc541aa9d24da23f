"""Several providers as one: the first that answers, all within one deadline."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence

from common.ai.base import AIError, AIInvalidOutput, AIProvider, AIRequest, AIResult, AITimeout

#: A second try is worth it only when this many seconds are left for it.
_LEAST_BUDGET = 1.0
#: A provider that is not the last may use this share of what is left, so that the next one gets its turn.
_SHARE = 0.6


class Chain:
    """Asks each provider in order; a retryable error is tried once more, after a pause with jitter, in the same one.

    Args:
        providers: at least one.
        pause: mean seconds before the second try, when the provider did not say how long.
        clock: monotonic seconds.
    """

    def __init__(
        self, providers: Sequence[AIProvider], *, pause: float = 0.4, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if not providers:
            raise ValueError("a chain needs a provider")
        self.name = "+".join(provider.name for provider in providers)
        self._providers = tuple(providers)
        self._pause = pause
        self._clock = clock

    async def complete(self, request: AIRequest, *, deadline: float) -> AIResult:
        """As AIProvider.complete.

        Raises:
            AIError: no provider answered; the last one's error.
        """
        end = self._clock() + deadline
        last: AIError = AITimeout("no time left to ask a model")
        for provider in self._providers:
            left = end - self._clock()
            if left <= 0:
                break
            share = left if provider is self._providers[-1] else left * _SHARE
            try:
                return await self._ask(provider, request, self._clock() + share)
            except AIError as error:
                last = error
        raise last

    async def _ask(self, provider: AIProvider, request: AIRequest, end: float) -> AIResult:
        try:
            return await provider.complete(request, deadline=end - self._clock())
        except AIError as error:
            wait = self._wait(error)
            if not error.retryable or self._clock() + wait + _LEAST_BUDGET > end:
                raise
        await asyncio.sleep(wait)
        return await provider.complete(request, deadline=end - self._clock())

    def _wait(self, error: AIError) -> float:
        if isinstance(error, AIInvalidOutput):
            return 0.0
        return (error.retry_after or 0.0) + self._pause * random.uniform(0.5, 1.5)
