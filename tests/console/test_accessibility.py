"""axe-core on every page of the console, WCAG 2.1 A and AA: wide and narrow, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from redis import Redis

from common.queueing import keys as rq
from common.store import keys
from console.auth.sessions import COOKIE, Sessions
from tests.console import seed
from tests.console.conftest import ConsoleProcess

pytestmark = [pytest.mark.browser, pytest.mark.redis]

#: What Streamlit draws and no option or style of ours reaches, by rule: where, and why.
STREAMLITS_OWN: Mapping[str, tuple[str, str]] = {
    "list": ("[data-testid=stSidebarNavItems]", "a section of the navigation is a <div> inside its <ul>"),
    "listitem": ("[data-testid=stSidebarNavItems] li", "the same <div>, seen from the links in it"),
}
RUN = """
async (exempt) => {
  const only = {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]};
  const found = await axe.run({runOnly: only, resultTypes: ["violations"]});
  const told = (rule) => rule.nodes
    .filter((node) => !exempt[rule.id] || !document.querySelector(node.target.at(-1))?.matches(exempt[rule.id][0]))
    .map((node) => `${rule.id}: ${node.html.slice(0, 160)} ${node.failureSummary.split("\\n").slice(1, 3).join(";")}`);
  return {broken: found.violations.flatMap(told), rules: found.passes.length};
}
"""


@pytest.fixture
def tab(chromium: Any) -> Iterator[Any]:
    """A fresh browser."""
    context = chromium.new_context()
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


def pages(shop: seed.Shop) -> dict[str, tuple[str, str]]:
    """Name of what is looked at: its address, and what shows that all of it is there."""
    answer = next(name.decode() for name in shop.db.zrange(rq.finished("whatsapp-ai"), 0, 0))
    failed = next(name.decode() for name in shop.db.zrange(rq.failed("messages"), 0, 0))
    return {
        "overview": ("/", ".rv-workers"),
        "inbox": ("/inbox?show=unread", ".rv-empty"),
        "inbox, waiting": (f"/inbox?show=waiting&chat={seed.cid_of(0)}", ".rv-facts"),
        "inbox, mine": (f"/inbox?show=mine&chat={seed.cid_of(7)}", ".rv-problem"),
        "jobs": ("/jobs?state=failed", "[data-testid=stDataFrame]"),
        "jobs, none": ("/jobs?queue=maintenance", ".rv-empty"),
        "job, failed": (f"/job?id={failed}", ".rv-attempt"),
        "job, turn": (f"/job?id={answer}", ".rv-turn"),
        "wrong address": ("/nowhere", "main a"),
    }


def arrive(tab: Any, url: str, shown: str) -> None:
    """Until a page is all there and stands still."""
    tab.goto(url)
    tab.locator(shown).first.wait_for(state="attached")
    tab.wait_for_function("!document.querySelector('[data-stale=true], [data-testid=stSkeleton]')")


def broken(tab: Any) -> list[str]:
    """The rules that what is on the screen breaks, in either colour scheme where it is narrow."""
    found = []
    for scheme in ("light",) if tab.viewport_size["width"] > 1000 else ("dark", "light"):
        tab.emulate_media(color_scheme=scheme)
        tab.wait_for_function("scheme => getComputedStyle(document.querySelector('main, .stApp')).colorScheme"
                              ".startsWith(scheme) || !document.querySelector('.stApp')", arg=scheme)  # fmt: skip
        tab.evaluate(AXE_SCRIPT)
        told = tab.evaluate(RUN, STREAMLITS_OWN)
        assert told["rules"] > 5
        found += [f"{scheme}: {one}" for one in told["broken"]]
    return found


def test_everybody_can_use_every_page(
    shop: seed.Shop, redis_url: str, console_process: Callable[..., ConsoleProcess], tab: Any, db: Redis
) -> None:
    """No page, dialog or banner breaks a rule in what is ours, and no page is wider than its screen."""
    console = console_process(redis_url)
    db.hset(keys.number(seed.TENANT, seed.NUMBER), mapping={"paused_until": shop.now + 3600, "reason": "131056"})
    db.sadd(rq.PAUSED, "maintenance")
    arrive(tab, f"{console.url}/login", "form")
    tab.get_by_label("Password").fill("wrong")
    tab.get_by_role("button", name="Log in").click()
    tab.get_by_role("alert").wait_for()
    found, too_wide = {"login": broken(tab)}, []
    tab.context.add_cookies([{"name": COOKIE, "value": Sessions(db).open("Marta").sid, "url": console.url}])
    for width, height in ((1440, 900), (390, 844)):
        tab.set_viewport_size({"width": width, "height": height})
        for name, (path, shown) in pages(shop).items():
            arrive(tab, console.url + path, shown)
            if tab.evaluate("document.documentElement.scrollWidth") > width:
                too_wide.append((name, width))
            found[f"{name}, {width}"] = broken(tab)
    arrive(tab, f"{console.url}/jobs?state=failed", "[data-testid=stDataFrame]")
    tab.get_by_role("button", name="Retry all failed").click()
    tab.get_by_role("dialog").get_by_role("button", name="Retry").wait_for()
    found["dialog"] = broken(tab)
    lines = [f"{name}: {rule}" for name, rules in found.items() for rule in rules]
    assert not lines, "\n".join(lines)
    assert too_wide == []
