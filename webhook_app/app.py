"""The Flask application."""

from __future__ import annotations

from flask import Flask, Response

from webhook_app import problems
from webhook_app.receiver import MAX_BODY
from webhook_app.replies import CACHE_CONTROL, SECURITY_HEADERS
from webhook_app.routes import operations, queues, site, whatsapp
from webhook_app.services import Services


def create_app(services: Services) -> Flask:
    """An app whose routes work with `services`; holds no state of its own."""
    app = Flask("webhook_app", static_folder=None)
    # One more than allowed: a body of unknown length is cut here, and the receiver sees that it is too long.
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY + 1
    problems.register(app)
    for part in (whatsapp, operations, queues, site):
        part.register(app, services)

    @app.after_request
    def secure(response: Response) -> Response:
        headers = response.headers
        headers.update(SECURITY_HEADERS)
        if "Cache-Control" not in headers:
            headers["Cache-Control"] = CACHE_CONTROL
        return response

    return app
