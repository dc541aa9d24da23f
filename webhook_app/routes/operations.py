"""What operators ask: `/healthz`, `/readyz`, `/metrics`, `/api/metrics`."""

from __future__ import annotations

from flask import Flask, Response

from webhook_app import metrics
from webhook_app.readiness import readiness
from webhook_app.replies import json_reply, text_reply
from webhook_app.services import Services

#: What `/healthz` answers.
ALIVE = {"status": "ok"}


def register(app: Flask, services: Services) -> None:
    """Add the routes of this module."""

    @app.get("/healthz")
    def healthz() -> Response:
        """The process answers; nothing else is asked."""
        return json_reply(ALIVE)

    @app.get("/readyz")
    def readyz() -> Response:
        """503 when Redis is away, full, or may throw data out, for then no webhook can be stored safely.

        Without a worker, or while WhatsApp refuses one of our numbers, it stays 200 and says `degraded`: messages
        are stored and wait, which is better than having them refused.
        """
        settings = services.settings
        found = readiness(
            services.db, now=services.clock.now(), numbers=settings.whatsapp_phone_id,
            allow_eviction=settings.redis_allow_eviction,
        )  # fmt: skip
        return json_reply(found.as_json(), 200 if found.ready else 503)

    @app.get("/metrics")
    def prometheus() -> Response:
        return text_reply(metrics.prometheus(metrics.measure(services.db, services.clock.now())), metrics.CONTENT_TYPE)

    @app.get("/api/metrics")
    def metrics_json() -> Response:
        return json_reply(metrics.measure(services.db, services.clock.now()).as_json())
