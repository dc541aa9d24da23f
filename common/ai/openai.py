"""Any endpoint that speaks OpenAI's /chat/completions (OpenAI, Ollama, vLLM, ...)."""

from __future__ import annotations

import time
from typing import Any

from common.ai.base import AIInvalidOutput, AIRequest, AIResult, Usage
from common.ai.http import endpoint, post_json
from common.ai.prompts import read_reply, system_with_knowledge, turns
from common.http.client import HttpClient


class OpenAIProvider:
    """A chat model behind `base_url` (with its version part, e.g. https://api.openai.com/v1).

    Not the vendor's SDK: that costs 4 ms CPU a call, and has no deadline for the whole call.
    """

    name = "openai"

    def __init__(self, http: HttpClient, *, base_url: str, api_key: str | None, model: str) -> None:
        self._http = http
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._route = endpoint(base_url.rstrip("/") + "/chat/completions", headers)
        self._model = model
        # OpenAI's newer models refuse `max_tokens`; other servers know nothing else.
        self._limit = "max_completion_tokens" if "api.openai.com" in base_url else "max_tokens"

    async def complete(self, request: AIRequest, *, deadline: float) -> AIResult:
        """As AIProvider.complete."""
        began = time.perf_counter()
        system = {"role": "system", "content": system_with_knowledge(request)}
        body = {"model": self._model, self._limit: request.max_tokens, "messages": [system, *turns(request)]}
        data = await post_json(self._http, self._route, body=body, deadline=deadline)
        reply, handover = read_reply(_content(data))
        if not reply and not handover:
            raise AIInvalidOutput("the model's answer is empty")
        return AIResult(
            reply=reply,
            provider=self.name,
            model=str(data.get("model") or self._model),
            handover=handover,
            sources=tuple(snippet.id for snippet in request.snippets),
            usage=_usage(data.get("usage")),
            latency_ms=(time.perf_counter() - began) * 1000,
        )


def _content(data: dict[str, Any]) -> str:
    try:
        content = data["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError) as error:
        raise AIInvalidOutput("the answer is no chat completion") from error
    if not isinstance(content, str):
        raise AIInvalidOutput("the answer holds no text")
    return content


def _usage(usage: Any) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    return Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) else None
