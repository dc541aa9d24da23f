"""Every setting, typed; the only module that reads the environment.

A wrong or missing value ends the process with one line that names it: see `load`.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Annotated, Literal, NoReturn

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _queue_limits() -> dict[str, str]:
    """QUEUE_LIMIT_<QUEUE>, by <QUEUE> as it stands there; an empty one takes a limit away."""
    prefix = "QUEUE_LIMIT_"
    return {name[len(prefix) :]: value.strip() for name, value in os.environ.items() if name.startswith(prefix)}


Words = Annotated[tuple[str, ...], NoDecode]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode]


class Settings(BaseSettings):
    """One flat, frozen set; names are the environment's, in lower case."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    host: str = "0.0.0.0"  # noqa: S104  a container's port is reached from outside
    port: int = Field(3001, ge=1, le=65535)
    base_url: str = "http://127.0.0.1:3001"
    console_url: str = "http://127.0.0.1:8501"

    redis_url: str | None = None
    redis_host: str = "127.0.0.1"
    redis_port: int = Field(6379, ge=1, le=65535)
    redis_user: str | None = None
    redis_password: SecretStr | None = None
    redis_db: int = Field(0, ge=0)
    redis_sentinel_hosts: Words = ()
    redis_sentinel_name: str = "mymaster"
    redis_ack_replicas: int = Field(0, ge=0)
    redis_allow_eviction: bool = False

    whatsapp_phone_id: Words = ()
    whatsapp_access_token: SecretStr | None = None
    whatsapp_verify_token: SecretStr | None = None
    whatsapp_app_secret: Secrets = ()
    graph_api_url: str = "https://graph.facebook.com"
    graph_api_version: str = Field("v25.0", pattern=r"^v\d+\.\d+$")
    graph_timeout_seconds: float = Field(10.0, gt=0)
    graph_patience_seconds: float = Field(600.0, gt=0)  # a Graph that is away is tried again that long
    number_messages_per_second: float = Field(80.0, gt=0)  # Cloud API default throughput of a number
    pair_seconds: float = Field(6.0, ge=0)  # one message to one customer; Cloud API pair limit; 0 = none
    pair_burst: int = Field(45, ge=1)
    settle_seconds: float = Field(30.0, ge=1)  # how long an unanswered POST waits for its status webhook
    account_probe_seconds: float = Field(60.0, ge=1)  # a number that Meta has blocked is tried again after that
    typing_indicator: bool = True

    ai_provider: Words = ("builtin",)
    openai_base_url: str = "https://api.openai.com/v1"
    openai_api_key: SecretStr | None = None
    openai_model: str = "gpt-4o-mini"
    anthropic_base_url: str = "https://api.anthropic.com"
    anthropic_api_key: SecretStr | None = None
    anthropic_model: str = "claude-haiku-4-5"
    ai_timeout_seconds: float = Field(25.0, gt=0)
    ai_patience_seconds: float = Field(90.0, gt=0)  # a customer waits for a model that long, then gets a person
    ai_max_tokens: int = Field(700, ge=16)
    ai_system_prompt: str | None = None
    business_name: str = "the shop"

    worker_concurrency: int = Field(50, ge=1, le=5000)
    worker_queues: Words = ("whatsapp-ai", "messages", "ai-response", "maintenance")
    worker_lease_seconds: float = Field(12.0, ge=1)
    worker_max_jobs: int = Field(0, ge=0)  # a worker makes room for a new one after that; 0 = never
    worker_max_memory_mb: int = Field(0, ge=0)  # the same, once it holds more; 0 = never
    forking_queues: Words = ("rag__ingestion",)  # of `python -m workers --forking`: each job in its own process
    forking_concurrency: int = Field(1, ge=1, le=64)
    queue_limits: dict[str, str] = Field(default_factory=_queue_limits)  # QUEUE_LIMIT_WHATSAPP_AI=10/1s
    quiet_seconds: float = Field(1.0, ge=0, le=60)
    stale_minutes: float = Field(180.0, gt=0)  # an older unanswered message goes to a person, not to the bot
    retry_attempts: int = Field(5, ge=1)
    retry_base_seconds: float = Field(2.0, gt=0)
    retry_cap_seconds: float = Field(300.0, gt=0)
    job_timeout_seconds: int = Field(120, ge=1)

    default_language: Literal["es", "en", "pt"] = "es"
    default_country: str = Field("CO", pattern=r"^[A-Z]{2}$")
    handover_words: Words = ()
    handover_text: str | None = None
    opt_out_words: Words = ()
    opt_in_words: Words = ()
    waiting_remind_minutes: float = Field(15.0, gt=0)  # a customer who waits for a person is told so after that
    waiting_back_minutes: float = Field(0.0, ge=0)  # and is the bot's again after that; 0 = never
    transcript_days: int = Field(90, ge=8)

    console_password: SecretStr | None = None
    console_port: int | None = Field(None, ge=1, le=65535)  # unset: PORT, which a host gives each process; else 8501
    admin_api_key: SecretStr | None = None
    encryption_key: Secrets = ()
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "text"] = "json"

    _words = field_validator(
        "redis_sentinel_hosts", "whatsapp_phone_id", "whatsapp_app_secret", "ai_provider", "worker_queues",
        "forking_queues", "handover_words", "opt_out_words", "opt_in_words", "encryption_key", mode="before",
    )(_split)

    @field_validator("ai_provider")
    @classmethod
    def _known_providers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = set(value) - {"builtin", "openai", "anthropic"}
        if unknown or not value:
            named = ", ".join(sorted(unknown)) or "nothing"
            raise ValueError(f"use builtin, openai or anthropic, separated by commas, not {named}")
        return value

    @field_validator("queue_limits")
    @classmethod
    def _known_limits(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if text and not re.fullmatch(r"[1-9]\d{0,8}/[1-9]\d{0,5}s", text):
                raise ValueError(f"QUEUE_LIMIT_{name}: use jobs/seconds, as in 10/1s")
        return value

    def require(self, *names: str) -> Settings:
        """These settings must be set; returns self.

        Raises:
            SystemExit: one is empty; the line on stderr names it.
        """
        for name in names:
            if not getattr(self, name):
                stop(name, "is required; set it (see .env.example)")
        return self

    def port_of_console(self) -> int:
        """Where the console listens."""
        return self.console_port or (self.port if "port" in self.model_fields_set else 8501)

    def seal_secrets(self) -> list[str]:
        """Secrets of the vault: ENCRYPTION_KEY, else the app secrets, so that nothing ever rests in the clear."""
        return [s.get_secret_value() for s in self.encryption_key or self.whatsapp_app_secret]


def load() -> Settings:
    """The settings of this process.

    Raises:
        SystemExit: a value is wrong; the line on stderr names the setting and what is allowed.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        stop(str(first["loc"][0]), first["msg"])


def stop(name: str, what: str) -> NoReturn:
    """End the process: exit code 2 and one clear line."""
    print(f"relevo: setting {name.upper()}: {what}", file=sys.stderr)
    raise SystemExit(2)
