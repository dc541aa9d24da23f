"""From settings to the provider of this process."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp

from common.ai.anthropic import AnthropicProvider
from common.ai.base import AIProvider
from common.ai.builtin import BuiltinProvider
from common.ai.chain import Chain
from common.ai.openai import OpenAIProvider
from common.settings import Settings, stop


def build(settings: Settings, session: aiohttp.ClientSession) -> AIProvider:
    """The providers of AI_PROVIDER in their order, as one.

    Args:
        settings: of this process.
        session: shared by all calls; its owner closes it.

    Raises:
        SystemExit: a provider is named but its key is missing.
    """
    return Chain([_MAKERS[name](settings, session) for name in settings.ai_provider])


def _openai(settings: Settings, session: aiohttp.ClientSession) -> AIProvider:
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
    if key is None and "api.openai.com" in settings.openai_base_url:
        stop("openai_api_key", "is required by AI_PROVIDER=openai (an endpoint of your own may do without)")
    return OpenAIProvider(session, base_url=settings.openai_base_url, api_key=key, model=settings.openai_model)


def _anthropic(settings: Settings, session: aiohttp.ClientSession) -> AIProvider:
    if settings.anthropic_api_key is None:
        stop("anthropic_api_key", "is required by AI_PROVIDER=anthropic")
    return AnthropicProvider(
        session,
        base_url=settings.anthropic_base_url,
        api_key=settings.anthropic_api_key.get_secret_value(),
        model=settings.anthropic_model,
    )


_MAKERS: dict[str, Callable[[Settings, aiohttp.ClientSession], AIProvider]] = {
    "builtin": lambda _settings, _session: BuiltinProvider(),
    "openai": _openai,
    "anthropic": _anthropic,
}
