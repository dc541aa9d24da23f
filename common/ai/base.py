"""What a model provider is: `AIProvider`, its request, its result and its errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from common.errors import RelevoError


class AIError(RelevoError):
    """A model provider failed."""

    retryable = True


class AIRateLimited(AIError):
    """The provider asks to slow down (429)."""


class AIOverloaded(AIError):
    """The provider is down or overloaded (5xx, connection refused)."""


class AITimeout(AIError):
    """No whole answer before the deadline."""


class AIInvalidOutput(AIError):
    """The answer is empty or not what was asked for."""


class AIBadRequest(AIError):
    """The provider refuses the request as it is."""

    retryable = False


class AIAuthFailed(AIError):
    """The key is wrong or has no right to the model."""

    retryable = False


class Snippet(NamedTuple):
    """A piece of knowledge given to the model. `score` is the engine's; `confidence` 0 to 1, fitted to the index."""

    id: str
    title: str
    text: str
    score: float
    confidence: float
    lang: str = "es"
    kind: Literal["faq", "product"] = "faq"


class ChatTurn(NamedTuple):
    """One earlier message, already redacted."""

    role: Literal["user", "assistant"]
    text: str


class AIRequest(NamedTuple):
    """All that a provider may see: everything in it is redacted.

    `message` is what must be answered now, and is the last thing in the request that goes out.
    """

    tenant: str
    conversation: str
    system: str
    message: str
    lang: str
    snippets: Sequence[Snippet] = ()
    history: Sequence[ChatTurn] = ()
    max_tokens: int = 700


class Usage(NamedTuple):
    """Tokens as the provider counts them; None when it does not say."""

    tokens_in: int | None = None
    tokens_out: int | None = None


class AIResult(NamedTuple):
    """`reply` may hold `[SEND_IMAGE:product_id]` tags; `handover` is a reason when the model asks for a person."""

    reply: str
    provider: str
    model: str
    confidence: float = 1.0
    handover: str | None = None
    sources: Sequence[str] = ()
    usage: Usage = Usage()
    latency_ms: float = 0.0


class AIProvider(Protocol):
    """A model behind one method. Never raises an SDK's or HTTP client's own errors, only AIError."""

    name: str

    async def complete(self, request: AIRequest, *, deadline: float) -> AIResult:
        """Answer `request`.

        Args:
            request: redacted.
            deadline: seconds from now for everything, retries and slow bodies included.
        """
        ...
