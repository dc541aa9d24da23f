"""The console as a person meets it, in Chromium, on a real process."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from common.queueing import keys as rq
from common.store import keys
from tests.conftest import RedisServer
from tests.console import seed
from tests.console.conftest import ConsoleProcess, log_in

pytestmark = [pytest.mark.browser, pytest.mark.redis]
XSS = '<script>document.title="owned"</script><img src=x onerror="document.title=\'owned\'">'


@pytest.fixture
def tab(chromium: Any) -> Iterator[Any]:
    """A fresh browser, in a phone-or-desk size of its own; errors of the page fail the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, timezone_id="America/Bogota")
    context.set_default_timeout(15_000)
    page = context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    yield page
    context.close()
    assert not failures


def test_a_lead_takes_a_waiting_conversation_over_and_answers(
    shop: seed.Shop, redis_url: str, console_process: Callable[..., ConsoleProcess], tab: Any, db: Redis
) -> None:
    """Log in, see who waits, take over, write; the bubble stands there and its job is queued. Hostile text is text."""
    mid = shop.message(seed.cid_of(0), 0, 99, "in", XSS, shop.now)
    db.rpush(keys.transcript(seed.TENANT, seed.cid_of(0)), mid)
    console = console_process(redis_url)

    log_in(tab, console.url, password="wrong", path="/inbox")
    tab.get_by_role("alert").get_by_text("That password is wrong.").wait_for()
    tab.get_by_label("Password").fill("correct horse")
    tab.get_by_role("button", name="Log in").click()
    tab.wait_for_url("**/inbox")

    tab.get_by_role("link", name=re.compile("Ana R.")).click()
    tab.get_by_text("quiero hablar con una persona").wait_for()
    tab.get_by_text(XSS).wait_for()
    assert tab.locator(".rv-log script, .rv-log img").count() == 0
    assert "chat=" in tab.url
    composer = tab.get_by_test_id("stChatInputTextArea")
    assert composer.is_disabled()

    tab.get_by_role("button", name="Take over").click()
    tab.get_by_placeholder("Write to Ana R.").fill("Hola Ana, soy Marta.\n¿Me confirmas la dirección?")
    tab.get_by_placeholder("Write to Ana R.").press("Escape")
    assert tab.get_by_placeholder("Write to Ana R.").input_value().startswith("Hola Ana")  # nothing typed is lost
    tab.get_by_placeholder("Write to Ana R.").press("Enter")
    bubble = tab.locator(".rv-from-human", has_text="soy Marta")
    bubble.wait_for()
    assert tab.title() != "owned"
    assert db.hmget(keys.conversation(seed.TENANT, seed.cid_of(0)), "owner", "agent") == [b"human", b"Marta"]
    out = db.lindex(keys.transcript(seed.TENANT, seed.cid_of(0)), -1).decode()
    assert db.llen(rq.queue("messages")) == 1

    # What happens elsewhere comes by itself: Meta reports the answer as read, the customer writes.
    db.hset(keys.message(seed.TENANT, out), "state", "read")
    mid = shop.message(seed.cid_of(0), 0, 100, "in", "Calle 10 # 4-20", shop.now)
    db.rpush(keys.transcript(seed.TENANT, seed.cid_of(0)), mid)
    db.hincrby(keys.conversation(seed.TENANT, seed.cid_of(0)), "v", 1)
    tab.get_by_text("Calle 10 # 4-20").wait_for()
    bubble.get_by_role("img", name="read").wait_for()

    tab.get_by_role("button", name="Hand back").click()
    tab.get_by_placeholder("The bot answers here").wait_for()
    tab.get_by_role("button", name="Log out").click()
    tab.wait_for_url("**/login")
    actions = [entry[b"action"].decode() for _, entry in db.xrange(keys.audit(seed.TENANT))]
    assert actions == ["take_over", "reply", "hand_back"]


def test_a_failed_job_is_found_retried_and_its_chat_opened(
    shop: seed.Shop, redis_url: str, console_process: Callable[..., ConsoleProcess], tab: Any, db: Redis
) -> None:
    """From the number on the overview to the job, its tracebacks, a retry, all failed retried after a confirmation, and
    the conversation."""
    console = console_process(redis_url)
    log_in(tab, console.url)

    tab.get_by_role("link", name=re.compile("Failed jobs")).click()
    tab.wait_for_url("**/jobs?*state=failed")
    tab.get_by_role("radio", name="failed 4").wait_for()
    tab.get_by_role("button", name="Retry all failed").click()
    tab.get_by_role("dialog").get_by_role("button", name="Retry 4 jobs").click()
    tab.get_by_role("radio", name="failed 0").wait_for()
    tab.get_by_text("No failed jobs in whatsapp-ai").wait_for()

    job = next(name.decode() for name in db.zrange(rq.failed("messages"), 0, 0))
    tab.get_by_label("Job id").fill(job)
    tab.get_by_label("Job id").press("Enter")
    tab.wait_for_url(f"**/job?id={job}")
    tab.get_by_text("Traceback (most recent call last)").first.wait_for()
    tab.get_by_role("button", name="Retry", exact=True).click()
    tab.get_by_text("1 back in the queue.").wait_for()
    tab.get_by_role("link", name="Open the conversation").click()
    tab.locator(".rv-bubble").first.wait_for()

    # A queue is paused and let go on, each after a confirmation; the console speaks Spanish when asked to.
    tab.get_by_role("link", name="Jobs").click()
    tab.get_by_role("button", name="Pause queue").click()
    tab.get_by_role("dialog").get_by_role("button", name="Pause whatsapp-ai").click()
    tab.get_by_text("whatsapp-ai is paused: no worker").wait_for()
    assert db.smembers(rq.PAUSED) == {b"whatsapp-ai"}
    tab.get_by_role("radio", name="Español").click()
    tab.get_by_role("button", name="Continuar").click()
    tab.get_by_role("dialog").get_by_role("button", name="Continuar whatsapp-ai").click()
    tab.get_by_role("button", name="Pausar la cola").wait_for()
    assert db.smembers(rq.PAUSED) == set()
    tab.get_by_role("button", name="Salir").click()
    tab.get_by_label("Contraseña").wait_for()


def test_on_a_phone_the_conversation_takes_the_place_of_the_list(
    shop: seed.Shop, redis_url: str, console_process: Callable[..., ConsoleProcess], tab: Any
) -> None:
    """390 px: list, then chat with a way back; nothing is wider than the screen."""
    console = console_process(redis_url)
    tab.set_viewport_size({"width": 390, "height": 844})
    log_in(tab, console.url, path="/inbox?show=mine")

    tab.get_by_role("link", name=re.compile("Sofía H.")).click()
    tab.get_by_placeholder("Write to Sofía H.").wait_for()
    assert not tab.get_by_role("link", name=re.compile("Carlos E.")).is_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.get_by_role("img", name="All conversations").click()
    tab.get_by_role("link", name=re.compile("Carlos E.")).wait_for()


def test_redis_gone_and_back_needs_no_reload(
    tmp_path: Path, console_process: Callable[..., ConsoleProcess], tab: Any
) -> None:
    """A sentence while Redis is away; the page goes on by itself when it is back. An open tab ends with its session."""
    server = RedisServer(tmp_path, aof="always").start()
    with Redis(port=server.port) as db:
        seed.fill(db)
    console = console_process(server.url)
    log_in(tab, console.url, path=f"/inbox?chat={seed.cid_of(0)}")
    words = tab.get_by_text("quiero hablar con una persona")
    words.wait_for()

    server.kill()
    tab.get_by_text("Redis cannot be reached").first.wait_for()
    assert tab.get_by_text("Traceback").count() == 0
    server.start()
    tab.get_by_text("Redis cannot be reached").first.wait_for(state="hidden")
    words.wait_for()

    with Redis(port=server.port) as db:
        db.delete(*db.keys("rv:console:session:*"))
    tab.wait_for_url("**/login?next=*")
    server.kill()
