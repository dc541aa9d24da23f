"""`/api/queues` and `/api/jobs/<id>`: what waits, what runs, what became of a job, and what to do about it.

Bearer ADMIN_API_KEY. Bulk work is bounded by `limit` and answers `done` and `left`: ask again while something is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from flask import Blueprint, Flask, Response, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from redis import Redis

from common.logs import get_logger
from common.queueing import failures, inspect, manage, progress
from common.queueing.states import named, rq_state
from webhook_app.auth import require_admin
from webhook_app.metrics import all_queues
from webhook_app.problems import Problem
from webhook_app.replies import json_reply
from webhook_app.services import Services

MOST = 100_000  # jobs a request
log = get_logger("webhook_app.queues")


class Bulk(BaseModel):
    """What a bulk action may be asked for."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(10_000, ge=1, le=MOST)


class RetryAll(Bulk):
    """`error`: only jobs that failed with this fingerprint, or whose error begins so."""

    error: str = ""


class Clean(Bulk):
    """Which jobs are to go."""

    state: str
    older_seconds: float = Field(0.0, ge=0)


class Drain(BaseModel):
    """How long running jobs may take to end."""

    model_config = ConfigDict(extra="forbid")

    wait_seconds: float = Field(5.0, ge=0, le=20)


Body = TypeVar("Body", bound=BaseModel)


def _pause(db: Redis, queue: str, _now: float) -> dict[str, Any]:
    manage.pause(db, queue)
    return {"paused": True}


def _resume(db: Redis, queue: str, _now: float) -> dict[str, Any]:
    manage.resume(db, queue)
    return {"paused": False}


def _retry_all(db: Redis, queue: str, now: float) -> dict[str, Any]:
    body = _body(RetryAll)
    done = manage.retry_all(db, queue, now=now, limit=body.limit, error=body.error)
    return {"done": done, "left": inspect.counts(db, [queue])[queue]["failed"]}


def _empty(db: Redis, queue: str, now: float) -> dict[str, Any]:
    done = manage.empty(db, queue, now=now, limit=_body(Bulk).limit)
    counts = inspect.counts(db, [queue])[queue]
    return {"done": done, "left": counts["queued"] + counts["deferred"]}


def _clean(db: Redis, queue: str, now: float) -> dict[str, Any]:
    body = _body(Clean)
    state = _state(body.state)
    if state == "started":
        raise _bad_request("Running jobs are stopped, not cleaned.")
    done = manage.clean(db, queue, state, older_than=body.older_seconds, now=now, limit=body.limit)
    return {"done": done, "left": inspect.counts(db, [queue])[queue][state]}


def _drain(db: Redis, queue: str, now: float) -> dict[str, Any]:
    drained = manage.drain(db, queue, now=now, wait=_body(Drain).wait_seconds)
    return {"done": drained.deleted, "running": drained.running}

_ACTS: dict[str, Callable[[Redis, str, float], dict[str, Any]]] = {
    "pause": _pause, "resume": _resume, "retry-all": _retry_all, "empty": _empty, "clean": _clean, "drain": _drain,
}  # fmt: skip


def register(app: Flask, services: Services) -> None:
    """Add the routes of this module."""
    api = Blueprint("queues", __name__)

    @api.before_request
    def check_key() -> None:
        require_admin(request.headers.get("Authorization"), services.settings.admin_api_key)

    _reads(api, services)
    _actions_on_queues(api, services)
    _actions_on_jobs(api, services)
    app.register_blueprint(api)


def _reads(api: Blueprint, services: Services) -> None:
    db, clock = services.db, services.clock

    @api.get("/api/queues")
    def list_queues() -> Response:
        stopped, closed = manage.all_paused(db), manage.paused(db)
        rows = [
            {
                "name": name, "paused": name in closed, "jobs": named(states, paused=stopped or name in closed),
                "oldest_seconds": inspect.oldest_queued(db, name, now=clock.now()),
            }
            for name, states in inspect.counts(db, all_queues(db)).items()
        ]  # fmt: skip
        workers = [asdict(worker) for worker in inspect.workers(db)]
        return json_reply({"all_paused": stopped, "queues": rows, "workers": workers})

    @api.get("/api/queues/<queue>/jobs")
    def list_jobs(queue: str) -> Response:
        page = inspect.list_jobs(
            db, _known(services, queue), _state(request.args.get("state", "")), offset=_number("offset", 0),
            limit=_number("limit", 50),
        )  # fmt: skip
        return json_reply({"total": page.total, "jobs": [asdict(row) for row in page.rows]})

    @api.get("/api/queues/<queue>/errors")
    def list_errors(queue: str) -> Response:
        return json_reply({"errors": [asdict(group) for group in failures.groups(db, _known(services, queue))]})

    @api.get("/api/jobs/<job_id>")
    def show_job(job_id: str) -> Response:
        return _job(services, job_id)

    @api.get("/api/queues/<queue>/jobs/<job_id>")
    def show_job_of_queue(queue: str, job_id: str) -> Response:
        return _job(services, job_id, queue)


def _actions_on_queues(api: Blueprint, services: Services) -> None:
    db, clock = services.db, services.clock

    def view(action: str) -> Callable[[str], Response]:
        def act(queue: str) -> Response:
            answer = _ACTS[action](db, _known(services, queue), clock.now())
            log.info("queue action", action=action, queue=queue, **answer)
            return json_reply(answer)

        return act

    for action in _ACTS:
        api.add_url_rule(f"/api/queues/<queue>/{action}", action, view(action), methods=["POST"])

    @api.post("/api/queues/pause")
    def pause_all() -> Response:
        manage.pause_all(db)
        log.info("queue action", action="pause", queue="all")
        return json_reply({"all_paused": True})

    @api.post("/api/queues/resume")
    def resume_all() -> Response:
        manage.resume_all(db)
        log.info("queue action", action="resume", queue="all")
        return json_reply({"all_paused": False})


def _actions_on_jobs(api: Blueprint, services: Services) -> None:
    db, clock = services.db, services.clock

    def act(queue: str, job_id: str, action: str, done: Callable[[Any, str], bool]) -> Response:
        _job(services, job_id, queue)
        if not done(db, job_id):
            raise Problem(
                409, "wrong-state", f"The job is not in a state for {action}.",
                "Only failed jobs are retried, only delayed ones promoted; running ones are never deleted.",
            )  # fmt: skip
        log.info("job action", action=action, queue=queue, job=job_id)
        return json_reply({"done": 1})

    @api.post("/api/queues/<queue>/jobs/<job_id>/retry")
    def retry_job(queue: str, job_id: str) -> Response:
        return act(queue, job_id, "retry", lambda db, job: manage.retry(db, job, now=clock.now()))

    @api.post("/api/queues/<queue>/jobs/<job_id>/promote")
    def promote_job(queue: str, job_id: str) -> Response:
        return act(queue, job_id, "promote", lambda db, job: manage.promote(db, job, now=clock.now()))

    @api.delete("/api/queues/<queue>/jobs/<job_id>")
    def delete_job(queue: str, job_id: str) -> Response:
        return act(queue, job_id, "delete", lambda db, job: manage.delete(db, job, now=clock.now()))


def _job(services: Services, job_id: str, queue: str | None = None) -> Response:
    detail = inspect.job_detail(services.db, job_id)
    if detail is None or (queue is not None and detail.row.queue != queue):
        raise Problem(
            404, "no-such-job", "There is no such job.",
            "Ended jobs are kept for a while only: finished ones for 24 hours, failed ones for 7 days.",
        )  # fmt: skip
    done = progress.read_progress(services.db, job_id)
    told = {"percent": done[0], "note": done[1]} if done else None
    return json_reply({**asdict(detail), "progress": told, "log": progress.read_log(services.db, job_id)})


def _known(services: Services, queue: str) -> str:
    if queue not in all_queues(services.db):
        raise Problem(404, "no-such-queue", "There is no such queue.", "GET /api/queues lists them.")
    return queue


def _state(name: str) -> str:
    try:
        return rq_state(name)
    except ValueError as error:
        raise _bad_request(str(error)) from error


def _number(name: str, default: int) -> int:
    text = request.args.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _bad_request(f"{name} is a whole number.")
    return int(text)


def _body(model: type[Body]) -> Body:
    """The request's JSON body; an empty one is `{}`."""
    try:
        return model.model_validate_json(request.get_data() or b"{}")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise _bad_request(f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}") from error


def _bad_request(detail: str) -> Problem:
    return Problem(400, "bad-request", detail, "Check the request against /openapi.json.")
