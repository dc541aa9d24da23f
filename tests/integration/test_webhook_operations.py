"""Health, figures, queues, the landing page and the pictures."""

from __future__ import annotations

import re

import orjson
import pytest

from common.clock import iso
from common.messages import DEFAULT_TENANT
from common.queueing import keys as queue_keys
from common.queueing.job import JobSpec, enqueue
from common.queueing.queues import ANSWER, WHATSAPP_AI
from common.store import keys
from tests.webhook_fakes import NOW, RememberingIngest, app_with

KEY = "admin-key"
AUTH = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def app(db, tmp_path):
    (tmp_path / "crema-1.png").write_bytes(b"\x89PNG")
    (tmp_path / "notes.txt").write_text("not a picture")
    return app_with(
        RememberingIngest(), db=db, images=tmp_path, admin_api_key=KEY, console_url="http://console.example"
    )


@pytest.fixture
def client(app):
    return app.test_client()


def checks(response):
    return {check["name"]: check["ok"] for check in response.get_json()["checks"]}


def job(**values):
    return JobSpec(**({"id": "wa-1", "queue": WHATSAPP_AI, "func": ANSWER, "kwargs": {"message": "m-1"}} | values))


def alive(db, name="w1"):
    db.sadd(queue_keys.WORKERS, queue_keys.worker(name))
    db.hset(queue_keys.worker(name), mapping={"birth": iso(NOW), "last_heartbeat": iso(NOW), "queues": "a", "pid": 1})


def test_the_process_is_healthy_even_without_redis():
    """/healthz asks nobody."""
    assert app_with(RememberingIngest()).test_client().get("/healthz").get_json() == {"status": "ok"}


def test_with_redis_and_a_worker_it_is_ready(client, db):
    """200."""
    alive(db)

    response = client.get("/readyz")

    assert (response.status_code, response.get_json()["status"]) == (200, "ready")
    assert all(checks(response).values())


def test_without_a_worker_it_is_degraded_but_takes_webhooks(client, db):
    """A worker whose key expired does not count."""
    db.sadd(queue_keys.WORKERS, queue_keys.worker("dead"))

    response = client.get("/readyz")

    assert (response.status_code, response.get_json()["status"]) == (200, "degraded")
    assert checks(response)["workers"] is False


def test_without_redis_it_is_not_ready():
    """503, at once."""
    response = app_with(RememberingIngest()).test_client().get("/readyz")

    assert (response.status_code, response.get_json()["status"]) == (503, "not ready")
    assert checks(response)["redis"] is False


@pytest.mark.parametrize(
    ("name", "value", "check"),
    [("maxmemory-policy", "allkeys-lru", "maxmemory-policy"), ("maxmemory", "1mb", "memory")],
)
def test_a_redis_that_may_lose_or_refuse_data_is_not_ready(client, db, name, value, check):
    """Eviction would throw jobs away; a full Redis takes none."""
    before = db.config_get(name)[name]
    db.config_set(name, value)
    try:
        response = client.get("/readyz")
    finally:
        db.config_set(name, before)

    assert response.status_code == 503
    assert checks(response)[check] is False


@pytest.mark.parametrize(
    ("held", "status", "seen"),
    [
        ({"blocked": 1, "reason": "token secret-ish", "paused_until": NOW - 5}, "degraded", "refused by WhatsApp"),
        ({"blocked": 0, "reason": "slow down", "paused_until": NOW + 300}, "degraded", "rests for 300 s"),
        ({"blocked": 0, "reason": "slow down", "paused_until": NOW + 3}, "ready", "works"),
        ({"blocked": 0, "reason": "slow down", "paused_until": NOW - 60}, "ready", "works"),
        ({}, "ready", "works"),
    ],
)
def test_a_number_that_whatsapp_refuses_is_degraded_and_webhooks_are_still_taken(db, held, status, seen):
    """200 whatever a number does; each configured one is named, Meta's words about it are not for everybody."""
    client = app_with(RememberingIngest(), db=db, whatsapp_phone_id="111,222").test_client()
    alive(db)
    if held:
        db.hset(keys.number(DEFAULT_TENANT, "222"), mapping=held)

    response = client.get("/readyz")

    told = {check["name"]: check for check in response.get_json()["checks"]}
    assert (response.status_code, response.get_json()["status"]) == (200, status)
    assert told["number 111"] == {"name": "number 111", "ok": True, "seen": "works"}
    assert (told["number 222"]["ok"], told["number 222"]["seen"].startswith(seen)) == (status == "ready", True)
    assert "reason" not in response.text
    assert "secret-ish" not in response.text


def test_eviction_can_be_allowed_by_a_setting(db):
    """For those who know what they do."""
    client = app_with(RememberingIngest(), db=db, redis_allow_eviction=True).test_client()
    db.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert client.get("/readyz").status_code == 200
    finally:
        db.config_set("maxmemory-policy", "noeviction")


def test_figures_come_as_json_and_for_prometheus(client, db):
    """The same numbers in both."""
    enqueue(db, job(), now=NOW)
    alive(db)

    figures = client.get("/api/metrics").get_json()
    text = client.get("/metrics")

    assert figures["queues"][WHATSAPP_AI]["queued"] == 1
    assert figures["queues"]["messages"]["failed"] == 0
    assert figures["workers"] == 1
    assert 'relevo_jobs{queue="whatsapp-ai",state="queued"} 1' in text.text
    assert "relevo_workers 1" in text.text
    assert text.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert all(
        re.fullmatch(r'(# (HELP|TYPE) relevo_\w+ .+)|(relevo_\w+(\{(\w+="[^"\n]*",?)+\})? \d+(\.\d+)?)', line)
        for line in text.text.splitlines()
    )


def test_without_redis_figures_are_a_problem_not_a_traceback():
    """503."""
    response = app_with(RememberingIngest()).test_client().get("/metrics")

    assert (response.status_code, response.content_type) == (503, "application/problem+json")


@pytest.mark.parametrize("path", ["/api/queues", "/api/jobs/wa-1"])
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", f"Basic {KEY}", KEY, f"Bearer {KEY}x", "Bearer é"], ids=repr
)
def test_queues_and_jobs_want_the_key(client, path, header):
    """401 with a challenge."""
    response = client.get(path, headers={} if header is None else {"Authorization": header})

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer None"])
def test_without_a_key_in_the_settings_they_are_closed(db, header):
    """403 that names the setting."""
    client = app_with(RememberingIngest(), db=db).test_client()

    response = client.get("/api/queues", headers={"Authorization": header})

    assert response.status_code == 403
    assert "ADMIN_API_KEY" in response.get_json()["action"]


def test_queues_are_told_by_state_with_their_workers(client, db):
    """Empty ones too."""
    enqueue(db, job(), now=NOW - 5)
    alive(db)

    found = client.get("/api/queues", headers=AUTH).get_json()

    rows = {row["name"]: row for row in found["queues"]}
    assert rows[WHATSAPP_AI]["jobs"]["waiting"] == 1
    assert rows[WHATSAPP_AI]["oldest_seconds"] == pytest.approx(5, abs=0.5)
    assert rows["messages"]["oldest_seconds"] is None
    assert [worker["name"] for worker in found["workers"]] == ["w1"]


def test_a_job_is_told_with_its_arguments_and_attempts(client, db):
    """Or 404."""
    enqueue(db, job(), now=NOW)

    found = client.get("/api/jobs/wa-1", headers=AUTH).get_json()

    assert (found["row"]["id"], found["row"]["state"], found["kwargs"]) == ("wa-1", "queued", {"message": "m-1"})
    assert client.get("/api/jobs/wa-2", headers=AUTH).status_code == 404


def test_a_program_gets_the_addresses_and_a_browser_the_console(client):
    """At the root, and for bookmarks of a queue page."""
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}

    assert client.get("/").get_json()["name"] == "Relevo"
    assert client.get("/", headers=browser).headers["Location"] == "http://console.example"
    assert client.get("/admin/queues").headers["Location"] == "http://console.example"


def test_a_product_picture_is_served_and_may_be_cached(client):
    """As an image, never as anything else."""
    response = client.get("/media/products/crema-1.png")

    assert (response.status_code, response.data, response.mimetype) == (200, b"\x89PNG", "image/png")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "max-age=86400" in response.headers["Cache-Control"]
    again = client.get("/media/products/crema-1.png", headers={"If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "name", ["notes.txt", "x.png", "../secret.png", "..%2fcrema-1.png", "%2e%2e/crema-1.png", "crema-1.png%00", "."]
)
def test_nothing_but_the_pictures_is_served(client, name):
    """Only names that were listed at the start."""
    assert client.get(f"/media/products/{name}").status_code in {404, 308}


def test_the_api_description_names_every_route_and_no_other(client, app):
    """So that it stays true."""
    described = orjson.loads(client.get("/openapi.json").data)
    served = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }

    assert {(path, method) for path, methods in described["paths"].items() for method in methods} == served


def test_an_unknown_path_is_a_problem_that_says_where_to_look(client):
    """404."""
    response = client.get("/nothing")

    assert (response.status_code, response.content_type) == (404, "application/problem+json")
    assert "/openapi.json" in response.get_json()["action"]
