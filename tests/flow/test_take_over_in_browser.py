"""All processes and a real browser: the customer asks for a person, the lead takes over and answers in the console."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.browser import chromium
from tests.console.conftest import log_in
from tests.stack import SECRETS, Stack

pytestmark = [pytest.mark.flow, pytest.mark.browser]
PHONE = "573000000077"


@pytest.fixture(scope="module")
def tab() -> Iterator[Any]:
    """One page of a Chromium of this module's own."""
    with chromium() as browser:
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.set_default_timeout(20_000)
        yield page


def test_a_lead_takes_over_answers_and_hands_back(stack: Stack, tab: Any) -> None:
    """Two clicks to the waiting customer; what the lead writes reaches them once; then the bot answers again."""
    stack.run("console", DEFAULT_LANGUAGE="en")
    stack.wait_until(lambda: _up(f"{stack.console_url}/_stcore/health"), "the console")
    stack.simulator.say(PHONE, "quiero hablar con una persona", name="Lucía Pardo")
    stack.wait_until(lambda: len(stack.answers(PHONE)) == 1, "the notice")

    log_in(tab, stack.console_url, name="Marta", password=SECRETS["CONSOLE_PASSWORD"])
    tab.get_by_role("link", name="Lucía P.").first.click()
    tab.get_by_role("button", name="Take over").click()
    composer = tab.get_by_placeholder("Write to Lucía P.")
    composer.fill("Hola Lucía, soy Marta. ¿En qué le ayudo?")
    composer.press("Enter")
    stack.wait_until(lambda: len(stack.answers(PHONE)) == 2, "the lead's answer at the customer's")
    assert stack.answers(PHONE)[1] == "Hola Lucía, soy Marta. ¿En qué le ayudo?"
    tab.get_by_text("Hola Lucía, soy Marta.").wait_for()

    stack.simulator.say(PHONE, "¿hacen envíos a Cali?", name="Lucía Pardo")
    tab.get_by_text("¿hacen envíos a Cali?").wait_for()
    assert len(stack.answers(PHONE)) == 2

    tab.get_by_role("button", name="Hand back").click()
    tab.get_by_role("button", name="Take over").wait_for()
    stack.simulator.say(PHONE, "¿y cuánto demora el envío?", name="Lucía Pardo")
    stack.wait_until(lambda: len(stack.answers(PHONE)) == 3, "the bot's answer")


def _up(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False
