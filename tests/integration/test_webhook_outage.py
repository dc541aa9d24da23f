"""What the web process logs while Redis is away: the outage, not its requests."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import requests

from common.channels.whatsapp.signature import sign
from tests.conftest import RedisServer, free_port
from tests.integration.test_webhook_process import PATH, SECRET, serving, until
from tests.webhook_bodies import body_of, text_message, value_of
from webhook_app.outage import AGAIN, CALM, Outage

BEGUN, OVER = "webhook not stored", "webhooks are stored again"


class Lines:
    """A logger that keeps (event, values), and the clock of its test."""

    def __init__(self) -> None:
        self.now = 100.0
        self.said: list[tuple[str, dict[str, Any]]] = []

    def error(self, event: str, **values: Any) -> None:
        self.said.append((event, values))

    info = error

    def outage(self) -> Outage:
        return Outage(self, begun="away", over="back", clock=lambda: self.now)  # type: ignore[arg-type]

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.said]


def test_an_outage_is_told_once_and_then_every_half_minute_with_its_count():
    """500 refusals a second for 65 s: three lines, which together count all but the newest."""
    lines = Lines()
    outage = lines.outage()
    for n in range(65 * 500):
        lines.now = 100 + n / 500
        outage.refused("gone", route="/x")

    assert lines.events == ["away"] * 3
    assert [values["refused"] for _, values in lines.said] == [1, AGAIN * 500, AGAIN * 500]
    assert lines.said[0][1] == {"reason": "gone", "refused": 1, "route": "/x"}

    lines.now += CALM
    outage.served(route="/x")

    untold = 65 * 500 - 1 - 2 * AGAIN * 500
    assert lines.said[3:] == [("back", {"refused_since": untold, "seconds": 65.0, "route": "/x"})]


def test_every_outage_is_told_and_nothing_of_a_quiet_day():
    """Successes alone say nothing; each outage has its two lines."""
    lines = Lines()
    outage = lines.outage()
    for _ in range(3):
        outage.served()
        outage.refused("gone")
        lines.now += CALM
        outage.served()
        outage.served()

    assert lines.events == ["away", "back"] * 3


def test_requests_that_fail_and_succeed_by_turns_are_one_outage():
    """A store that takes every other one: no line for each change of its mind."""
    lines = Lines()
    outage = lines.outage()
    for n in range(29 * 500):
        lines.now = 100 + n / 500
        outage.refused("full") if n % 2 else outage.served()

    assert lines.events == ["away"]


def test_many_threads_tell_it_once_and_no_refusal_is_lost():
    """Requests are refused on the event loop and in threads at the same time."""
    lines = Lines()
    outage = lines.outage()

    def refuse() -> None:
        for _ in range(1_000):
            outage.refused("gone")

    threads = [threading.Thread(target=refuse) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines.now += CALM
    outage.served()

    assert lines.events == ["away", "back"]
    assert lines.said[1][1]["refused_since"] == 8_000 - 1


def test_a_flood_of_webhooks_that_meets_no_redis_leaves_two_lines(tmp_path: Path):
    """The process itself: 400 POSTs and 20 looks at the figures get 503; one line each, and one when it is over."""
    server = RedisServer(tmp_path).start()
    log = tmp_path / "web.log"
    raw = orjson.dumps(body_of(value_of(messages=[text_message("wamid.1")])))
    headers = {"X-Hub-Signature-256": sign(raw, SECRET.encode())}
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def post(_: int = 0) -> int:
        return requests.post(url + PATH, data=raw, headers=headers, timeout=15).status_code

    def look(_: int = 0) -> int:
        return requests.get(f"{url}/metrics", timeout=15).status_code

    def lines() -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in log.read_bytes().splitlines()]

    try:
        with log.open("wb") as out, serving(port, server.url, stdout=out), ThreadPoolExecutor(20) as many:
            server.kill()
            statuses = Counter(many.map(post, range(400)))
            looks = Counter(many.map(look, range(20)))
            assert (statuses, looks) == ({503: 400}, {503: 20})
            told = Counter(line["event"] for line in lines() if line["level"] != "info")
            assert told == {BEGUN: 1, "store unavailable": 1}

            server.start()

            until(lambda: post() == 200 and OVER in log.read_text())
            until(lambda: look() == 200 and "store is back" in log.read_text())
            events = Counter(line["event"] for line in lines())
            assert (events[BEGUN], events[OVER]) == (events["store unavailable"], events["store is back"]) == (1, 1)
            over = {line["event"]: line for line in lines()}
            assert over[OVER]["refused_since"] >= 399
            assert over["store is back"]["route"] == "/metrics"
    finally:
        server.close()
