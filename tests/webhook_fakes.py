"""A stand-in for the ingest, and an app around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from redis import Redis

from common.channels.whatsapp.signature import sign
from common.messages import StatusUpdate, Update
from common.settings import Settings
from webhook_app.app import create_app
from webhook_app.services import Services

SECRET = "app-secret"
PATH = "/api/whatsapp/webhook"
NOW = 1_800_000_000.0


@dataclass
class Accepted:
    stored: int = 0
    duplicates: int = 0
    statuses: int = 0
    other: int = 0


@dataclass
class RememberingIngest:
    """Keeps what it is given; raises `error` when there is one."""

    error: Exception | None = None
    updates: list[Update] = field(default_factory=list)

    def accept(self, updates: Sequence[Update], *, now: float) -> Accepted:
        if self.error:
            raise self.error
        self.updates.extend(updates)
        return Accepted(stored=len(updates), statuses=sum(isinstance(u, StatusUpdate) for u in updates))


class Ticking:
    """NOW, and a millisecond later with every look."""

    def __init__(self) -> None:
        self._looks = 0

    def now(self) -> float:
        self._looks += 1
        return NOW + self._looks / 1000


def settings_with(**values: Any) -> Settings:
    """Settings of a shop with a Meta app."""
    return Settings(**({"whatsapp_app_secret": SECRET, "whatsapp_verify_token": "verify-me"} | values))


def app_with(ingest: Any, *, db: Redis | None = None, images: Path | None = None, **values: Any) -> Flask:
    """An app on `ingest`; without `db` there is no Redis behind it."""
    more = {"images": images} if images else {}
    nowhere = Redis(port=1, socket_connect_timeout=0.2, retry=None)
    return create_app(
        Services(settings=settings_with(**values), db=db or nowhere, ingest=ingest, clock=Ticking(), **more)
    )


def signed(raw: bytes, secret: str = SECRET) -> dict[str, Any]:
    """Arguments of a test client's POST, as Meta sends it."""
    return {
        "data": raw,
        "headers": {"X-Hub-Signature-256": sign(raw, secret.encode())},
        "content_type": "application/json",
    }
