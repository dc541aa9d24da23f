"""What the pages work with, put together once per process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.clock import Clock, SystemClock
from common.conversations.commands import Desk
from common.messages import DEFAULT_TENANT
from common.settings import Settings, stop
from common.store.connection import connect
from common.store.vault import Vault
from console.auth.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Services:
    """All that a page may touch.

    `session_id` tells whose page is being drawn (the cookie, in production); `numbers` are our phone number ids,
    `language` is what is spoken to whoever has not chosen.
    """

    db: Redis
    desk: Desk
    sessions: Sessions
    session_id: Callable[[], str | None]
    clock: Clock = field(default_factory=SystemClock)
    tenant: str = DEFAULT_TENANT
    attempts: int = 5
    numbers: tuple[str, ...] = ()
    allow_eviction: bool = False
    language: str = "en"


_installed: list[Services] = []


def build(settings: Settings, session_id: Callable[[], str | None]) -> Services:
    """The services of a console process.

    Raises:
        SystemExit: no secret is set that what an agent writes can be sealed with.
    """
    secrets = settings.seal_secrets()
    if not secrets:
        stop("encryption_key", "is required (or WHATSAPP_APP_SECRET); set it (see .env.example)")
    db = connect(settings)
    # No repeats by the client: a page asks again by itself soon, and an action may not happen twice.
    db.set_retry(Retry(NoBackoff(), 0))
    desk = Desk(
        db, Vault(secrets), transcript_days=settings.transcript_days, region=settings.default_country,
        attempts=settings.retry_attempts,
    )  # fmt: skip
    return Services(
        db, desk, Sessions(db), session_id, attempts=settings.retry_attempts, numbers=settings.whatsapp_phone_id,
        allow_eviction=settings.redis_allow_eviction, language=settings.default_language,
    )  # fmt: skip


def install(services: Services) -> None:
    """Make `services` those of this process. Streamlit runs pages as scripts, so they cannot be handed over."""
    _installed[:] = [services]


def services() -> Services:
    """The services of this process."""
    if not _installed:
        raise RuntimeError("start the console with `python -m console`, not with `streamlit run`")
    return _installed[0]
