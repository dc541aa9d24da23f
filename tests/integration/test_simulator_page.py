"""The chat page in Chromium: a person writes as a customer and sees what a phone would show."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, Page, Route, expect

from common.graph.simulator.client import SimulatorClient
from common.graph.simulator.options import DEFAULT_PHONE_ID, DEFAULT_TOKEN, Behaviour, Options
from common.graph.simulator.server import simulator_in_thread
from tests.browser import chromium

pytestmark = pytest.mark.browser
ANA = "573001112233"


@pytest.fixture(scope="module")
def meta() -> Iterator[SimulatorClient]:
    quick = Behaviour(redelivery=False, sent_seconds=0.01, delivered_seconds=0.02, auto_read=False)
    with simulator_in_thread(Options(webhook=None), behaviour=quick) as server, SimulatorClient(server.url) as client:
        yield client


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(meta: SimulatorClient, browser: Browser) -> Iterator[Page]:
    meta.reset()
    opened = browser.new_page(viewport={"width": 1440, "height": 900})
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", lambda dialog: wrong.append(dialog.message))
    opened.goto(meta.base_url)
    opened.get_by_role("button", name="Ana Ríos").click()
    expect(opened.get_by_text("You are Ana Ríos")).to_be_visible()
    yield opened
    opened.close()
    assert wrong == []


def bot(meta: SimulatorClient, body: dict) -> str:
    url = f"{meta.base_url}/v25.0/{DEFAULT_PHONE_ID}/messages"
    sent = requests.post(url, json={"messaging_product": "whatsapp", "to": ANA, **body},
                         headers={"Authorization": f"Bearer {DEFAULT_TOKEN}"}, timeout=5)  # fmt: skip
    assert sent.status_code == 200, sent.text
    return str(sent.json().get("messages", [{}])[0].get("id", ""))


def test_a_person_writes_and_sees_ticks_typing_and_the_reply(meta: SimulatorClient, page: Page):
    """From the text box to the chat, and back from the Graph API; opening the chat reads it."""
    page.get_by_label("Message").fill("¿Hacen envíos?")
    page.keyboard.press("Enter")
    expect(page.locator(".row.mine")).to_have_count(1)
    wamid = meta.chat(ANA)["messages"][0]["wamid"]
    read = {"status": "read", "message_id": wamid, "typing_indicator": {"type": "text"}}
    bot(meta, read)
    expect(page.locator(".mine .blue")).to_be_visible()
    expect(page.locator(".typing")).to_be_visible()
    bot(meta, {"type": "text", "text": {"body": "Sí, a *todo* el país"}})
    expect(page.locator(".row:not(.mine) .text strong")).to_have_text("todo")
    expect(page.locator(".typing")).to_have_count(0)
    meta.wait_for(lambda m: m.chat(ANA)["messages"][-1]["status"] == "read")


def test_what_the_bot_sends_is_text_and_never_markup(meta: SimulatorClient, page: Page):
    """Hostile texts, titles, names and addresses are shown as they are and run nothing."""
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    meta.say(ANA, evil, name=evil)
    bot(meta, {"type": "text", "text": {"body": evil + " javascript:alert(3)"}})
    bot(meta, {"type": "document", "document": {"link": "https://a.example/x", "filename": evil}})
    expect(page.locator(".row:not(.mine) .text")).to_contain_text("onerror=alert(1)")
    expect(page.locator(".row .card b")).to_have_text(evil)
    assert page.locator(".log img, .log script, .people img, a[href^=javascript]").count() == 0


def test_buttons_and_lists_can_be_tapped(meta: SimulatorClient, page: Page):
    """A tap sends the reply that Meta would send, quoting the bot's message."""
    meta.say(ANA, "Hola")
    reply = {"type": "reply", "reply": {"id": "yes", "title": "Sí"}}
    asked = bot(meta, {"type": "interactive", "interactive": {
        "type": "button", "body": {"text": "¿Algo más?"}, "action": {"buttons": [reply]}}})  # fmt: skip
    page.get_by_role("button", name="Sí", exact=True).click()
    answer = meta.wait_for(lambda m: [x for x in m.chat(ANA)["messages"] if x["dir"] == "in"][1:])[0]
    assert (answer["body"]["button_reply"], answer["context"]) == ({"id": "yes", "title": "Sí"}, asked)
    row = {"id": "r1", "title": "Envíos", "description": "Plazos"}
    bot(meta, {"type": "interactive", "interactive": {"type": "list", "body": {"text": "Temas"}, "action": {
        "button": "Ver temas", "sections": [{"title": "Ayuda", "rows": [row]}]}}})  # fmt: skip
    page.get_by_role("button", name="Ver temas").click()
    page.get_by_role("button", name="Envíos").click()
    meta.wait_for(lambda m: m.chat(ANA)["messages"][-1]["body"].get("list_reply") == row)


def test_what_happens_while_a_chat_is_loaded_is_not_lost(meta: SimulatorClient, page: Page):
    """An answer that is older than what the live events told does not take it away again, nor show it twice."""
    meta.say(ANA, "Hola")
    held: list[Route] = []
    page.route("**/_sim/chat/*", lambda route: held.append(route))  # noqa: PLW0108  a method of C is no handler
    page.get_by_role("button", name="Ana Ríos").click()
    while not held:
        page.wait_for_timeout(10)
    older = held[0].fetch()
    bot(meta, {"type": "text", "text": {"body": "Entretanto"}})
    expect(page.locator("#people").get_by_text("Entretanto")).to_be_visible()
    with page.expect_response("**/_sim/chat/*"):
        held[0].fulfill(response=older)
    page.unroute("**/_sim/chat/*")
    expect(page.locator("#log .row")).to_have_count(2)
    meta.say(ANA, "Gracias")
    expect(page.locator("#log .row")).to_have_count(3)
    expect(page.locator("#log .row").filter(has_text="Entretanto")).to_have_count(1)


def test_everything_else_is_in_the_plus_menu(meta: SimulatorClient, page: Page):
    """Each entry sends something, and the page shows it without an error."""
    page.get_by_label("Message").fill("Hola")
    page.keyboard.press("Enter")
    expect(page.locator(".row.mine")).to_have_count(1)
    labels = page.locator("#menu button").all_text_contents()
    assert len(labels) >= 20
    for label in labels:
        before = len(meta.chat(ANA)["messages"])
        page.get_by_label("Send something else").click()
        page.get_by_role("menuitem", name=label, exact=True).click()
        meta.wait_for(lambda m, before=before: len(m.chat(ANA)["messages"]) > before, what=label)


def test_a_customer_without_a_phone_can_be_added_on_a_small_screen(meta: SimulatorClient, page: Page):
    """The list and the chat take turns at 390 px; nothing is wider than the screen."""
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_label("Back to the customers").click()
    page.get_by_label("Add a customer").click()
    page.get_by_role("textbox", name="Name").fill("Luz Marina")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("You are Luz Marina · @luz.marina · no phone number")).to_be_visible()
    page.get_by_label("Message").fill("Hola " + "x" * 300)
    page.get_by_label("Send", exact=True).click()
    expect(page.locator(".row.mine")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
