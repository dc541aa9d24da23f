"""The landing page, the API description, the way to the console, and the sample shop's pictures."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from flask import Flask, Response, redirect, request, send_file
from werkzeug.wrappers import Response as AnyResponse

from webhook_app.problems import Problem
from webhook_app.replies import json_reply
from webhook_app.services import Services

_PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
_DAY = 86_400


def register(app: Flask, services: Services) -> None:
    """Add the routes of this module."""
    description = files("webhook_app").joinpath("openapi.json").read_bytes()
    pictures = _pictures(services.images)
    console = services.settings.console_url
    landing = {
        "name": "Relevo", "version": version("relevo"), "api": "/openapi.json", "ready": "/readyz", "console": console,
    }  # fmt: skip

    @app.get("/")
    def home() -> AnyResponse:
        if request.accept_mimetypes.best_match(("application/json", "text/html")) == "text/html":
            return redirect(console, 302)
        return json_reply(landing)

    @app.get("/openapi.json")
    def openapi() -> Response:
        return Response(description, 200, content_type="application/json")

    @app.get("/admin/queues")
    def admin_queues() -> AnyResponse:
        return redirect(console, 302)

    @app.get("/media/products/<name>")
    def product_picture(name: str) -> Response:
        path = pictures.get(name)
        if path is None:
            raise Problem(404, "not-found", "There is no such picture.")
        return send_file(path, mimetype=_PICTURES[path.suffix.lower()], conditional=True, max_age=_DAY)


def _pictures(folder: Path) -> dict[str, Path]:
    """File name -> path of every picture in `folder`. Only what is listed here is ever opened."""
    if not folder.is_dir():
        return {}
    return {path.name: path for path in folder.iterdir() if path.suffix.lower() in _PICTURES and path.is_file()}
