"""From settings to the provider of this process."""

from __future__ import annotations

from collections.abc import Callable

from common.ai.anthropic import AnthropicProvider
from common.ai.base import AIProvider
from common.ai.builtin import BuiltinProvider
from common.ai.chain import Chain
from common.ai.openai import OpenAIProvider
from common.http.client import HttpClient
from common.settings import Settings, stop


def build(settings: Settings, http: HttpClient) -> AIProvider:
    """The providers of AI_PROVIDER in their order, as one.

    Args:
        settings: of this process.
        http: shared by all calls; its owner closes it.

    Raises:
        SystemExit: a provider is named but its key is missing.
    """
    return Chain([_MAKERS[name](settings, http) for name in settings.ai_provider])


def _openai(settings: Settings, http: HttpClient) -> AIProvider:
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
    if key is None and "api.openai.com" in settings.openai_base_url:
        stop("openai_api_key", "is required by AI_PROVIDER=openai (an endpoint of your own may do without)")
    return OpenAIProvider(http, base_url=settings.openai_base_url, api_key=key, model=settings.openai_model)


def _anthropic(settings: Settings, http: HttpClient) -> AIProvider:
    if settings.anthropic_api_key is None:
        stop("anthropic_api_key", "is required by AI_PROVIDER=anthropic")
    return AnthropicProvider(
        http,
        base_url=settings.anthropic_base_url,
        api_key=settings.anthropic_api_key.get_secret_value(),
        model=settings.anthropic_model,
    )


_MAKERS: dict[str, Callable[[Settings, HttpClient], AIProvider]] = {
    "builtin": lambda _settings, _http: BuiltinProvider(),
    "openai": _openai,
    "anthropic": _anthropic,
}
