"""Each page drawn in this process, on a seeded Redis and on an empty one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.messages import digest, job_id, message_id
from common.queueing import manage
from common.store import keys
from console import wiring
from console.text import LANGUAGES
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
    assert "…b6c5-x2x9k.4101" in body


def test_overview_of_an_empty_redis_says_that_no_worker_lives(page: Page) -> None:
    """Nothing in Redis is no error: banner and empty states."""
    app = page()

    assert "No worker is alive" in html_of(app)
    assert "Nobody is waiting for a person" in html_of(app)


def test_overview_warns_of_an_eviction_policy(db: Redis, page: Page) -> None:
    """Redis may never drop data; a policy that does is shown in red."""
    db.config_set("maxmemory-policy", "allkeys-lru")
    try:
        app = page()
    finally:
        db.config_set("maxmemory-policy", "noeviction")

    assert "maxmemory-policy is allkeys-lru" in html_of(app)


@pytest.mark.parametrize("file", ["views/overview.py", "views/inbox.py", "views/jobs.py", "views/job.py"])
def test_every_page_says_that_whatsapp_refuses_a_number(shop: seed.Shop, page: Page, db: Redis, file: str) -> None:
    """Whether it is configured or only known from conversations; on a job's page too."""
    reason = "Graph error 131042 (HTTP 403): no valid payment method. Repair it."
    db.hset(keys.number(seed.TENANT, seed.NUMBER), mapping={"blocked": 1, "paused_until": 5, "reason": reason})

    body = html_of(page(file, id=FAILED))

    assert f"WhatsApp refuses number {seed.NUMBER}: no valid payment method (131042)." in body
    assert "Repair the payment method in WhatsApp Manager" in body
    assert 'role="alert"' in body


def test_when_all_is_well_there_is_no_banner(shop: seed.Shop, page: Page) -> None:
    assert 'class="rv-alarm' not in html_of(page())


def test_a_nearly_full_redis_is_told_before_it_refuses(shop: seed.Shop, page: Page, db: Redis) -> None:
    db.config_set("maxmemory", int(db.info("memory")["used_memory"] * 1.05))
    try:
        body = html_of(page())
    finally:
        db.config_set("maxmemory", 0)

    assert "Redis is almost full" in body
    assert "TRANSCRIPT_DAYS" in body


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
    assert "Not delivered: undeliverable: no WhatsApp, old app, or blocked us." in body
    assert "(error 131026)" in body
    assert 'role="log"' in body
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


def test_jobs_name_their_contact_and_lead_to_the_chat(shop: seed.Shop, page: Page) -> None:
    """The label and the end of the phone, as in the inbox; the link opens the conversation."""
    links = page("views/jobs.py", state="failed").dataframe[0].value["lane"].tolist()

    assert links[0] == f"/inbox?show=all&chat={seed.cid_of(1)}#Luis%20P.%20%C2%B7%C2%B7%C2%B71037"


def test_a_paused_queue_says_so_and_a_lead_may_let_it_go_on(shop: seed.Shop, page: Page, db: Redis) -> None:
    """On the overview and on its own page; only a lead is offered the button."""
    manage.pause(db, "whatsapp-ai")

    jobs = page("views/jobs.py")
    agent = page("views/jobs.py", on=services_for(db, "agent"))
    overview = html_of(page())

    assert "whatsapp-ai is paused: no worker takes its jobs" in html_of(jobs)
    assert jobs.button(key="jobs_resume_queue")
    assert not [b.key for b in jobs.button if b.key == "jobs_pause_queue"]
    assert not [b.key for b in agent.button if b.key and ("pause" in b.key or "resume" in b.key)]
    assert "is paused" in html_of(agent)
    assert ">paused</span>" in overview


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


def test_an_answer_tells_how_it_came_to_be(shop: seed.Shop, page: Page) -> None:
    """Question, sources with confidence, model, tokens, time per step, and what became of the bubble."""
    body = html_of(page("views/job.py", id=job_id(message_id("wamid.7.0"))))

    for said in ("El serum me irritó la piel", "¿Cuánto tarda el envío?", "87 %", "412 read, 38 written", "413 ms",
                 "ask the model", "delivered +1.1 s", "handed to WhatsApp 90 ms", "Siento mucho leer eso"):  # fmt: skip
        assert said in body, said


def test_a_job_whose_message_another_one_answered_leads_there(shop: seed.Shop, page: Page, db: Redis) -> None:
    """Messages of a burst are answered together, by the job of the first."""
    shop.job("wa-late", "whatsapp-ai", "workers.jobs.answer", "finished", {"tenant": seed.TENANT}, shop.now,
             result=orjson.dumps({"outcome": "already", "turn": seed.turn_of(7, 1)}))  # fmt: skip

    body = html_of(page("views/job.py", id="wa-late"))

    assert "answered together with others" in body
    assert f'href="/job?id={job_id(message_id("wamid.7.0"))}"' in body


def test_a_job_that_sends_shows_its_message_and_where_it_is(shop: seed.Shop, page: Page, db: Redis) -> None:
    services_for(db, "lead").desk.take_over(seed.TENANT, seed.cid_of(0), actor="Marta", now=shop.now)
    mid = services_for(db, "lead").desk.reply(seed.TENANT, seed.cid_of(0), "Ya va", actor="Marta", now=shop.now)

    body = html_of(page("views/job.py", id=f"out-{mid.removeprefix('o-')}"))

    assert "Ya va" in body
    assert "waiting to be sent" in body


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


def test_the_console_speaks_the_shop_s_language_until_somebody_chooses(
    shop: seed.Shop, services: wiring.Services, page: Page, db: Redis
) -> None:
    """Spanish by the setting; English for whoever switches, kept in their session."""
    spanish = replace(services, language="es")

    before = page(on=spanish)
    before.segmented_control(key="language_switch").set_value("en").run()
    again = page("views/inbox.py", on=spanish)

    assert "Personas en espera</span><b>6</b>" in html_of(page(on=replace(services_for(db, "lead"), language="es")))
    assert "People waiting</span><b>6</b>" in html_of(before)
    assert "<h1>Inbox</h1>" in html_of(again)
    assert services.sessions.get(services.session_id()).lang == "en"  # type: ignore[union-attr]


@pytest.mark.parametrize("file", ["views/overview.py", "views/inbox.py", "views/jobs.py", "views/job.py"])
def test_no_page_mixes_languages(shop: seed.Shop, services: wiring.Services, page: Page, file: str) -> None:
    """No English word of the table is left on a Spanish page."""
    on = replace(services, language="es")
    app = page(file, on=on, show="waiting", chat=seed.cid_of(0), state="failed", id=FAILED)
    words = html_of(app) + " ".join(b.label for b in app.button)
    words = re.sub(r"<style>.*?</style>|<[^>]+>", " ", words, flags=re.DOTALL)

    left = [
        sentence
        for key, sentence in LANGUAGES["en"].items()
        if len(sentence) > 4 and "{" not in sentence and LANGUAGES["es"][key] != sentence
        and not key.startswith(("kind.", "time.", "job.work", "tick."))
        and re.search(rf"(?<![\w/]){re.escape(sentence)}(?!\w)", words)
    ]  # fmt: skip
    assert left == []
