"""Composition root of the web process."""

from __future__ import annotations

from flask import Flask
from redis import Redis

from common import logs
from common.settings import Settings, load, stop
from common.store.connection import connect
from common.store.vault import Vault
from webhook_app.app import create_app
from webhook_app.ingest import Ingest
from webhook_app.services import Services


def settings() -> Settings:
    """The settings, checked for what this process needs.

    Raises:
        SystemExit: one is missing or wrong; the line on stderr names it.
    """
    found = load()
    if not found.seal_secrets():
        stop("encryption_key", "is required while WHATSAPP_APP_SECRET is empty; set it (see .env.example)")
    return found


def services(found: Settings) -> Services:
    """Connected services; Redis need not be there yet, requests get 503 until it is."""
    db = connect(found)
    return Services(settings=found, db=db, ingest=ingest(found, db))


def ingest(found: Settings, db: Redis) -> Ingest:
    """What stores webhooks."""
    return Ingest(db, Vault(found.seal_secrets()), found)


def app() -> Flask:
    """The application of this process, with its logs set up."""
    found = settings()
    logs.configure("web", level=found.log_level, fmt=found.log_format)
    return create_app(services(found))
