"""Twenty people at one console process, half on Overview and half in an open chat: its CPU, its memory, a click.

They speak Streamlit's websocket and let their pages renew themselves, as browsers do but without drawing, which this
machine would have to do for all of them. One person more sits at a real browser and goes from page to page and from
chat to chat, first alone, then beside them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as open_websocket

from bench import machine
from bench.engine import connect, server
from bench.figures import Round, percentile
from bench.phases.size import show
from bench.rig import end, free_port, wait_for_port
from console.auth.sessions import COOKIE, Sessions
from tests import browser
from tests.console import seed

PEOPLE, SECONDS, ROUNDS, SETTLE = 20, 20, 4, 3
#: Where a click in the sidebar leads, and what only that page shows.
PAGES = {"Inbox": ".rv-person", "Jobs": "[data-testid=stDataFrame]", "Overview": ".rv-tile"}
CHATS = ("Ana R.", "María José G.", "Jorge M.", "Andrés C.")
#: What a page has sent when it is whole: the tiles of Overview, the facts of a chat.
WHOLE = {"": b"rv-tiles", "inbox": b"rv-facts"}


class Seat:
    """Somebody's open page: asks again for each part when it is due, and notes how long each took, ms."""

    def __init__(self, address: str, sid: str, page: str, query: str) -> None:
        self._open = open_websocket(
            f"{address.replace('http', 'ws')}/_stcore/stream", subprotocols=["streamlit"],  # type: ignore[list-item]
            additional_headers={"cookie": f"{COOKIE}={sid}"}, max_size=None,
        )  # fmt: skip
        self._page, self._query = page, query
        self._every: dict[str, float] = {}
        self._due: dict[str, float] = {}
        self.took: list[float] = []
        self.whole = False
        self.failed = 0
        self._thread = threading.Thread(target=self._sit, daemon=True)

    def __enter__(self) -> Self:
        self._run("")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        self._thread.join(5)

    @property
    def ended(self) -> bool:
        """Whether the console hung up, or a part was not there within half a minute."""
        return not self._thread.is_alive()

    def _sit(self) -> None:
        with suppress(ConnectionClosed, TimeoutError):
            while True:
                part = min(self._due, key=self._due.__getitem__)
                time.sleep(max(0.0, self._due[part] - time.monotonic()))
                began = time.perf_counter()
                self._run(part)
                self.took.append((time.perf_counter() - began) * 1000)
                self._due[part] = time.monotonic() + self._every[part]

    def _run(self, part: str) -> None:
        """Ask for a part, or all of the page, and read it to its end."""
        asked = BackMsg()
        asked.rerun_script.query_string, asked.rerun_script.page_name = self._query, self._page
        asked.rerun_script.fragment_id, asked.rerun_script.is_auto_rerun = part, bool(part)
        asked.rerun_script.context_info.timezone = "America/Bogota"
        self._open.send(asked.SerializeToString())
        while True:
            data = self._open.recv(30)
            told = ForwardMsg.FromString(data if isinstance(data, bytes) else data.encode())
            if told.WhichOneof("type") == "auto_rerun":
                self._every[told.auto_rerun.fragment_id] = told.auto_rerun.interval
                self._due.setdefault(told.auto_rerun.fragment_id, time.monotonic() + told.auto_rerun.interval)
            elif told.WhichOneof("type") == "delta":
                self.whole |= WHOLE[self._page] in data
                self.failed += told.delta.new_element.WhichOneof("type") in ("alert", "exception")
            elif told.WhichOneof("type") == "script_finished":
                return


def measure(people: int = PEOPLE, seconds: float = SECONDS) -> dict[str, Round]:
    with server() as url, connect(url) as db, browser.chromium() as chromium, ExitStack() as stack:
        seed.fill(db)
        process, address = stack.enter_context(console(url))
        sessions = Sessions(db)
        guest = visitor(chromium, address, sessions.open("Marta").sid)
        clicks(guest)  # whatever is loaded once
        alone, alone_mb = clicks(guest), machine.pss([process.pid])
        seats = [stack.enter_context(Seat(address, sessions.open("Iván").sid, *place(n))) for n in range(people)]
        guest.wait_for_timeout(SETTLE * 1000)
        used, began, done = machine.cpu([process.pid]), time.monotonic(), sum(len(seat.took) for seat in seats)
        guest.wait_for_timeout(seconds * 1000)
        used, took = machine.cpu([process.pid]) - used, time.monotonic() - began
        renewals = [ms for seat in seats for ms in seat.took]
        found = {
            "sessions": float(people + 1), "cpu_pct": 100 * used / took, "renewals_s": (len(renewals) - done) / took,
            "renewal_ms": percentile(renewals, 0.5), "renewal_p99_ms": percentile(renewals, 0.99),
            "pss_mb": machine.pss([process.pid]), "pss_alone_mb": alone_mb,
        }  # fmt: skip
        for name, waited in (("alone", alone), ("beside", clicks(guest))):
            for what, ms in waited.items():
                found |= {f"{what}_{name}_ms": percentile(ms, 0.5), f"{what}_{name}_max": max(ms)}
        found["blank"] = float(sum(not seat.whole for seat in seats))
        found["failed"] = float(sum(seat.failed + seat.ended for seat in seats))
    return {"sessions": found}


def place(n: int) -> tuple[str, str]:
    """What the n-th of them looks at: page and query."""
    return ("inbox", f"show=all&chat={seed.cid_of(n)}") if n % 2 else ("", "")


def visitor(chromium: Any, address: str, sid: str) -> Any:
    """A browser on the first page."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": COOKIE, "value": sid, "url": address}])
    tab = context.new_page()
    tab.goto(address)
    tab.locator(".rv-tile").first.wait_for()
    return tab


def clicks(tab: Any) -> dict[str, list[float]]:
    """Ms from a click to what it shows: `page` from the sidebar, `chat` within the inbox."""
    waited: dict[str, list[float]] = {"page": [], "chat": []}
    for _ in range(ROUNDS):
        for name, shown in PAGES.items():
            link = tab.get_by_test_id("stSidebarNav").get_by_role("link", name=name)
            waited["page"].append(_ms(link.click, tab.locator(shown).first))
    tab.get_by_role("link", name="Inbox").click()
    tab.locator(".rv-person").first.wait_for()
    tab.get_by_role("radio", name="All").click()
    for name in CHATS * (ROUNDS // 2):
        row = tab.locator(".rv-person", has_text=name)
        waited["chat"].append(_ms(row.click, tab.locator(".rv-who b", has_text=name)))
    tab.get_by_role("link", name="Overview").click()
    tab.locator(".rv-tile").first.wait_for()
    return waited


@contextmanager
def console(redis_url: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A console process and its address; ended with the block."""
    port, folder = free_port(), tempfile.mkdtemp()
    settings = {"REDIS_URL": redis_url, "CONSOLE_PASSWORD": "bench", "CONSOLE_PORT": str(port), "HOME": folder,
                "ENCRYPTION_KEY": "bench", "DEFAULT_LANGUAGE": "en", "PATH": os.environ["PATH"]}  # fmt: skip
    with Path(folder, "log").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "console"], cwd=machine.ROOT, env=settings, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        wait_for_port(port)
        yield process, f"http://127.0.0.1:{port}"
    finally:
        end(process)
        shutil.rmtree(folder, ignore_errors=True)


def _ms(click: Callable[[], object], shown: Any) -> float:
    began = time.perf_counter()
    click()
    shown.wait_for()
    return (time.perf_counter() - began) * 1000


def main(argv: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench sessions")
    parser.add_argument("--sessions", type=int, default=PEOPLE, help="people beside the one that clicks")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long they are left alone")
    options = parser.parse_args(argv)
    show(measure(options.sessions, options.seconds))
