"""`/api/whatsapp/webhook`: Meta verifies the address with GET and delivers with POST."""

from __future__ import annotations

from flask import Flask, Response, request

from webhook_app.receiver import Receiver
from webhook_app.replies import text_reply
from webhook_app.services import Services

PATH = "/api/whatsapp/webhook"


def register(app: Flask, services: Services) -> None:
    """Add the routes of this module."""
    receiver = Receiver(services.settings, services.ingest, services.clock)

    @app.get(PATH)
    def verify_webhook() -> Response:
        mode, token, challenge = (request.args.get(f"hub.{name}", "") for name in ("mode", "verify_token", "challenge"))
        return text_reply(receiver.challenge(mode, token, challenge))

    @app.post(PATH)
    def receive_webhook() -> Response:
        receiver.receive(request.get_data(cache=False), request.headers.get("X-Hub-Signature-256"))
        return Response(b"ok", 200, content_type="text/plain")
