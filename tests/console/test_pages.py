"""Each page drawn in this process, on a seeded Redis and on an empty one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.messages import digest
from common.store import keys
from console import wiring
from tests.conftest import RedisServer
from tests.console import seed
from tests.console.conftest import services_for

pytestmark = pytest.mark.redis
Page = Callable[..., Any]
FAILED = "wa-" + digest("failed", "1")


def html_of(app: Any) -> str:
    assert not app.exception, [e.value for e in app.exception]
    return "\n".join(element.proto.body for element in app.get("html"))


def test_overview_says_who_waits_and_what_failed(shop: seed.Shop, page: Page) -> None:
    """Tiles, queue table, workers and the people waiting come from Redis."""
    body = html_of(page())

    assert "People waiting</span><b>6</b>" in body
    assert "Failed jobs</span><b>7</b>" in body
    assert "Answered today</span><b>371</b>" in body
    assert "Valentina S." in body
    assert "worker.1" in body


def test_overview_of_an_empty_redis_says_that_no_worker_lives(page: Page) -> None:
    """Nothing in Redis is no error: banner and empty states."""
    app = page()

    assert "No worker is alive" in app.error[0].value
    assert "Nobody is waiting for a person" in html_of(app)


def test_overview_warns_of_an_eviction_policy(db: Redis, page: Page) -> None:
    """Redis may never drop data; a policy that does is shown in red."""
    db.config_set("maxmemory-policy", "allkeys-lru")
    try:
        app = page()
    finally:
        db.config_set("maxmemory-policy", "noeviction")

    assert any("allkeys-lru" in error.value for error in app.error)


def test_inbox_lists_waiting_people_longest_wait_first(shop: seed.Shop, page: Page) -> None:
    body = html_of(page("views/inbox.py"))

    assert body.index("Valentina S.") < body.index("Ana R.")
    assert "Sofía H." not in body


def test_inbox_filter_comes_from_the_url(shop: seed.Shop, page: Page) -> None:
    """/inbox?show=mine lists only what Marta has."""
    body = html_of(page("views/inbox.py", show="mine"))

    assert "Sofía H." in body
    assert "Valentina S." not in body


def test_a_filter_that_does_not_exist_is_the_first_one(shop: seed.Shop, page: Page) -> None:
    body = html_of(page("views/inbox.py", show="<script>"))

    assert "Valentina S." in body
    assert "<script>" not in body


def test_chat_shows_bubbles_ticks_and_the_error_of_meta(shop: seed.Shop, page: Page) -> None:
    app = page("views/inbox.py", show="mine", chat=seed.cid_of(7))
    body = html_of(app)

    assert "Hace tres días, con el tónico de rosas" in body
    assert "Message undeliverable: the number cannot receive it (131026)" in body
    assert 'href="/job?id=wa-' in body
    assert not app.chat_input[0].disabled


def test_composer_is_closed_while_the_bot_answers_and_says_so(shop: seed.Shop, page: Page) -> None:
    app = page("views/inbox.py", show="bot", chat=seed.cid_of(15))

    assert app.chat_input[0].disabled
    assert "The bot answers here" in app.chat_input[0].placeholder


def test_composer_is_closed_with_the_window(shop: seed.Shop, page: Page, db: Redis) -> None:
    """24 h after the customer's last message only a template may go."""
    db.hset(keys.conversation(seed.TENANT, seed.cid_of(7)), "window_until", shop.now - 5)

    app = page("views/inbox.py", show="mine", chat=seed.cid_of(7))

    assert app.chat_input[0].disabled
    assert "24 h window is closed" in app.chat_input[0].placeholder


def test_take_over_and_answer_from_the_page(shop: seed.Shop, page: Page, db: Redis) -> None:
    """The buttons call the desk: owner and bubble are in Redis afterwards."""
    cid = seed.cid_of(0)
    app = page("views/inbox.py", chat=cid)

    app.button(key="chat_take_over").click().run()
    app.chat_input(key="chat_text").set_value("Hola, soy Marta.").run()

    assert db.hmget(keys.conversation(seed.TENANT, cid), "owner", "agent") == [b"human", b"Marta"]
    assert "Hola, soy Marta." in html_of(app)


def test_jobs_of_a_state_are_listed_fifty_a_page(shop: seed.Shop, page: Page) -> None:
    first = page("views/jobs.py", state="finished")
    second = page("views/jobs.py", state="finished", page="2")

    assert len(first.dataframe[0].value) == 50
    assert 0 < len(second.dataframe[0].value) < 50
    assert first.dataframe[0].value["id"].tolist() != second.dataframe[0].value["id"].tolist()


def test_a_page_beyond_the_last_is_the_last(shop: seed.Shop, page: Page) -> None:
    app = page("views/jobs.py", state="finished", page="9000")

    assert len(app.dataframe[0].value) > 0


def test_no_failed_jobs_says_so(page: Page) -> None:
    assert "No failed jobs in maintenance" in html_of(page("views/jobs.py", queue="maintenance", state="failed"))


def test_a_job_shows_its_attempts_and_leads_to_its_chat(shop: seed.Shop, page: Page) -> None:
    app = page("views/job.py", id=FAILED)
    body = html_of(app)

    assert body.count("Traceback (most recent call last)") == 5
    assert "AITimeout: no whole answer within 25 s" in body
    assert app.button(key="job_retry")


def test_a_job_that_is_gone_says_how_long_jobs_are_kept(page: Page) -> None:
    assert "not kept any more" in html_of(page("views/job.py", id="wa-<b>x</b>"))


def test_retry_puts_a_failed_job_back(shop: seed.Shop, page: Page, db: Redis) -> None:
    app = page("views/job.py", id=FAILED)

    app.button(key="job_retry").click().run()

    assert db.hget(f"rq:job:{FAILED}", "status") != b"failed"
    assert db.xlen(keys.audit(seed.TENANT)) == 1


@pytest.mark.parametrize("file", ["views/overview.py", "views/inbox.py", "views/jobs.py", "views/job.py"])
def test_without_a_session_nothing_is_drawn(shop: seed.Shop, page: Page, db: Redis, file: str) -> None:
    """Not the gate alone: the page itself refuses, so that an open tab ends with its session."""
    app = page(file, on=services_for(db, None))

    assert not app.exception
    body = "\n".join(element.proto.body for element in app.get("html"))
    assert "Valentina" not in body
    assert "location.replace" in body
    assert not app.dataframe


def test_a_viewer_sees_no_action(shop: seed.Shop, page: Page, db: Redis) -> None:
    viewer = services_for(db, "viewer")

    chat = page("views/inbox.py", on=viewer, chat=seed.cid_of(0))
    job = page("views/job.py", on=viewer, id=FAILED)

    assert not [b.key for b in chat.button if b.key and b.key.startswith("chat_")]
    assert chat.chat_input[0].disabled
    assert not [b.key for b in job.button]


@pytest.mark.parametrize("file", ["views/overview.py", "views/inbox.py", "views/jobs.py", "views/job.py"])
def test_redis_down_is_a_sentence_and_no_traceback(page: Page, tmp_path: Any, file: str) -> None:
    """Every page says that Redis is away; nothing is raised."""
    server = RedisServer(tmp_path).start()
    with Redis(port=server.port, retry=Retry(NoBackoff(), 0)) as db:
        on: wiring.Services = services_for(db, "lead")
        server.kill()
        app = page(file, on=on)

    assert not app.exception
    assert any("Redis cannot be reached" in warning.value for warning in app.warning)
