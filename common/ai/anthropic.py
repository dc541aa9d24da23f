"""Anthropic's /v1/messages."""

from __future__ import annotations

import time
from typing import Any

from common.ai.base import AIInvalidOutput, AIRequest, AIResult, Usage
from common.ai.http import endpoint, post_json
from common.ai.prompts import read_reply, system_with_knowledge, turns
from common.http.client import HttpClient

_API_VERSION = "2023-06-01"


class AnthropicProvider:
    """A model behind `base_url` (without version part, e.g. https://api.anthropic.com)."""

    name = "anthropic"

    def __init__(self, http: HttpClient, *, base_url: str, api_key: str, model: str) -> None:
        self._http = http
        headers = {"x-api-key": api_key, "anthropic-version": _API_VERSION}
        self._route = endpoint(base_url.rstrip("/") + "/v1/messages", headers)
        self._model = model

    async def complete(self, request: AIRequest, *, deadline: float) -> AIResult:
        """As AIProvider.complete."""
        began = time.perf_counter()
        body = {
            "model": self._model,
            "max_tokens": request.max_tokens,
            "system": system_with_knowledge(request),
            "messages": turns(request),
        }
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
    blocks = data.get("content")
    if not isinstance(blocks, list):
        raise AIInvalidOutput("the answer is no message")
    texts = [block.get("text") for block in blocks if isinstance(block, dict) and block.get("type") == "text"]
    return "\n".join(text for text in texts if isinstance(text, str))


def _usage(usage: Any) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    cached = sum(_count(usage.get(name)) or 0 for name in ("cache_read_input_tokens", "cache_creation_input_tokens"))
    tokens_in = _count(usage.get("input_tokens"))
    return Usage(None if tokens_in is None else tokens_in + cached, _count(usage.get("output_tokens")))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) else None
