"""`/api/queues/...`: what operators do to queues and jobs over HTTP."""

from __future__ import annotations

import re
import time

import pytest

from common.queueing import inspect, keys, manage
from common.queueing.job import JobSpec, enqueue_many
from common.queueing.timings import Tally
from tests.webhook_fakes import NOW, RememberingIngest, app_with
from workers.engine.duties import Duties

AUTH = {"Authorization": "Bearer admin-key"}
Q = "messages"


@pytest.fixture
def client(db):
    return app_with(RememberingIngest(), db=db, admin_api_key="admin-key").test_client()


@pytest.fixture
def post(client):
    """POST under /api/queues/<Q>; the status and the JSON."""

    def call(path: str, **body) -> tuple[int, dict]:
        response = client.post(f"/api/queues/{Q}/{path}", json=body or None, headers=AUTH)
        return response.status_code, response.get_json()

    return call


def add(db, *ids: str, **more) -> None:
    enqueue_many(db, [JobSpec(id=one, queue=Q, func="workers.jobs.answer", **more) for one in ids], now=NOW)


def fail(db, *ids: str, error: str = "ChannelError: down") -> None:
    add(db, *ids)
    for one in ids:
        db.lrem(keys.queue(Q), 1, one)
        db.hset(keys.job(one), mapping={"status": "failed", "error": error})
        db.zadd(keys.failed(Q), {one: time.time() + 600})


def test_every_route_wants_the_key(client, db):
    """Reads and actions alike; nothing is done without it."""
    add(db, "a")
    rules = [rule for rule in client.application.url_map.iter_rules() if "queues" in rule.endpoint]
    for rule in rules:
        path = re.sub(r"<\w+>", "a", rule.rule)
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            assert client.open(path, method=method).status_code in {302, 401}
    assert len(rules) > 10
    assert inspect.counts(db, [Q])[Q]["queued"] == 1


def test_jobs_of_a_state_come_by_the_page(client, db):
    """Under the names people use."""
    add(db, "a", "b", "c")
    found = client.get(f"/api/queues/{Q}/jobs?state=waiting&offset=1&limit=1", headers=AUTH).get_json()
    assert (found["total"], [row["id"] for row in found["jobs"]]) == (3, ["b"])


@pytest.mark.parametrize("query", ["", "state=lost", "state=waiting&limit=-1", "state=waiting&offset=x"])
def test_a_page_that_is_none_is_a_problem(client, query):
    """400, with what is wrong."""
    response = client.get(f"/api/queues/{Q}/jobs?{query}", headers=AUTH)
    assert (response.status_code, response.content_type) == (400, "application/problem+json")


def test_an_unknown_queue_is_not_found(client):
    """And nothing is made for it."""
    for path in ("jobs?state=failed", "errors"):
        assert client.get(f"/api/queues/nowhere/{path}", headers=AUTH).status_code == 404
    assert client.post("/api/queues/nowhere/pause", headers=AUTH).status_code == 404


def test_a_queue_is_paused_and_resumed(client, db, post):
    """What waits is counted as paused meanwhile."""
    add(db, "a")
    assert post("pause") == (200, {"paused": True})
    rows = {row["name"]: row for row in client.get("/api/queues", headers=AUTH).get_json()["queues"]}
    assert (rows[Q]["jobs"]["paused"], rows[Q]["jobs"]["waiting"], rows[Q]["paused"]) == (1, 0, True)
    assert post("resume") == (200, {"paused": False})
    assert manage.paused(db) == set()


def test_all_queues_are_paused_and_resumed(client, db):
    """At once."""
    assert client.post("/api/queues/pause", headers=AUTH).get_json() == {"all_paused": True}
    assert manage.all_paused(db)
    assert client.post("/api/queues/resume", headers=AUTH).get_json() == {"all_paused": False}
    assert not manage.all_paused(db)


def test_a_job_is_retried_promoted_and_deleted(client, db):
    """Each in its state only: else 409; a job of another queue is not found."""
    fail(db, "a")
    add(db, "b", due=time.time() + 60)
    base = f"/api/queues/{Q}/jobs"
    assert client.post(f"{base}/a/retry", headers=AUTH).status_code == 200
    assert client.post(f"{base}/a/retry", headers=AUTH).status_code == 409
    assert client.post(f"{base}/b/promote", headers=AUTH).status_code == 200
    assert client.post(f"{base}/b/promote", headers=AUTH).status_code == 409
    assert client.get(f"{base}/b", headers=AUTH).get_json()["row"]["state"] == "queued"
    assert client.get("/api/queues/whatsapp-ai/jobs/b", headers=AUTH).status_code == 404
    assert client.delete(f"{base}/b", headers=AUTH).status_code == 200
    assert client.delete(f"{base}/b", headers=AUTH).status_code == 404


def test_failed_jobs_are_retried_by_error(client, db, post):
    """As /errors groups them; what is left is told."""
    fail(db, "a", "b", error="GraphError: code 131")
    fail(db, "c")
    groups = client.get(f"/api/queues/{Q}/errors", headers=AUTH).get_json()["errors"]
    assert (groups[0]["error"], groups[0]["count"]) == ("GraphError: code #", 2)
    assert post("retry-all", error="GraphError: code #") == (200, {"done": 2, "left": 1})
    assert post("retry-all", limit=5) == (200, {"done": 1, "left": 0})


def test_bulk_work_is_bounded_and_checked(db, post):
    """A limit, known fields only, and never what runs."""
    add(db, "a", "b", "c")
    assert post("empty", limit=2) == (200, {"done": 2, "left": 1})
    assert post("clean", state="waiting", limit=10)[1]["done"] == 1
    for body in ({"limit": 0}, {"state": "active"}, {"state": "lost"}, {"state": "failed", "sure": True}, {}):
        assert post("clean", **body)[0] == 400


def test_a_drain_that_takes_too_long_deletes_nothing(db, post):
    """And says how many jobs it waited for."""
    add(db, "a")
    db.zadd(keys.wip(Q), {"x:e": NOW})
    assert post("drain", wait_seconds=0) == (200, {"done": 0, "running": 1})
    db.delete(keys.wip(Q))
    assert post("drain", wait_seconds=0) == (200, {"done": 1, "running": 0})


def test_figures_tell_how_long_jobs_waited_and_ran(client, db):
    """Prometheus gets histograms, JSON the last sampled minute."""
    add(db, "a")
    for minute, n in ((0, 10), (1, 30)):
        tally = Tally()
        for _ in range(n):
            tally.add(Q, "wait", 0.2)
            tally.add(Q, "run", 3.0)
        for name, amount in tally.take()[Q].items():
            db.hincrbyfloat(keys.timings(Q), name, amount)
        db.hincrby(keys.totals(Q), "finished", n)
        db.delete(keys.duty("sample-60"))
        Duties(db, "one").tick(NOW + 60 * minute)
    text = client.get("/metrics").text
    assert f'relevo_job_run_seconds_bucket{{queue="{Q}",le="2.5"}} 0' in text
    assert f'relevo_job_run_seconds_bucket{{queue="{Q}",le="+Inf"}} 40' in text
    assert f'relevo_job_run_seconds_sum{{queue="{Q}"}} 120.0' in text
    assert f'relevo_runs_total{{queue="{Q}",outcome="finished"}} 40' in text
    minute = client.get("/api/metrics").get_json()["last_minute"][Q]
    assert 2.5 < minute["run_p50"] < minute["run_p95"] <= 4.0
    assert 0.16 < minute["wait_p50"] <= 0.25
    assert minute["ended_per_second"] > 0
