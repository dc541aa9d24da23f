"""`/api/queues` and `/api/jobs/<id>`: what waits, what runs, what became of a job. Bearer ADMIN_API_KEY."""

from __future__ import annotations

from dataclasses import asdict

from flask import Flask, Response, request

from common.queueing import inspect
from webhook_app.auth import require_admin
from webhook_app.metrics import all_queues
from webhook_app.problems import Problem
from webhook_app.replies import json_reply
from webhook_app.services import Services


def register(app: Flask, services: Services) -> None:
    """Add the routes of this module."""
    key = services.settings.admin_api_key

    @app.get("/api/queues")
    def list_queues() -> Response:
        require_admin(request.headers.get("Authorization"), key)
        db, now = services.db, services.clock.now()
        found = inspect.counts(db, all_queues(db))
        rows = [
            {"name": name, "jobs": states, "oldest_seconds": inspect.oldest_queued(db, name, now=now)}
            for name, states in found.items()
        ]
        return json_reply({"queues": rows, "workers": [asdict(worker) for worker in inspect.workers(db)]})

    @app.get("/api/jobs/<job_id>")
    def show_job(job_id: str) -> Response:
        require_admin(request.headers.get("Authorization"), key)
        detail = inspect.job_detail(services.db, job_id)
        if detail is None:
            raise Problem(
                404, "no-such-job", "There is no such job.",
                "Ended jobs are kept for a while only: finished ones for 24 hours, failed ones for 7 days.",
            )  # fmt: skip
        return json_reply(asdict(detail))
