"""Fixtures of the console: a seeded shop, pages without a browser, a real console process, Chromium."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import streamlit as st
from redis import Redis
from streamlit.testing.v1 import AppTest

from common.conversations.commands import Desk
from common.store.vault import Vault
from console import text, wiring
from console.auth.sessions import Role, Sessions
from tests import browser
from tests.conftest import ROOT, free_port
from tests.console import seed

PASSWORD = "correct horse"

@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Each test begins in English, whatever a page before it spoke."""
    text.ask(lambda: "en")
    yield
    text.ask(lambda: "en")


@pytest.fixture
def shop(db: Redis) -> seed.Shop:
    """A shop in the middle of its day; Marta is one of its agents."""
    return seed.fill(db)


@pytest.fixture
def services(db: Redis) -> wiring.Services:
    """Services for actions and pages, with Marta logged in as lead."""
    return services_for(db, "lead")


def services_for(db: Redis, role: Role | None, name: str = "Marta") -> wiring.Services:
    """Services of a process that `name` looks at; role None: nobody is logged in."""
    sessions = Sessions(db)
    sid = sessions.open(name, role).sid if role else None
    desk = Desk(db, Vault(["test secret"]), transcript_days=90, region="CO")
    return wiring.Services(db, desk, sessions, session_id=lambda: sid)


@pytest.fixture
def page(services: wiring.Services) -> Callable[..., Any]:
    """Draw a page in this process: `page("views/inbox.py", show="all")` returns the AppTest after its first run."""
    def draw(file: str = "views/overview.py", *, on: wiring.Services | None = None, **query: str) -> Any:
        wiring.install(on or services)
        st.cache_data.clear()
        app = AppTest.from_file(str(ROOT / "console" / "app.py"), default_timeout=20)
        if file == "views/overview.py":
            app.run()
        else:
            app._page_hash = ""
            app.switch_page(file)
        for name, value in query.items():
            app.query_params[name] = value
        return app.run()

    return draw


@dataclass
class ConsoleProcess:
    """A running `python -m console`."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def console_process(tmp_path: Path) -> Iterator[Callable[..., ConsoleProcess]]:
    """`console_process(redis_url, password=..., **environment)` starts a console on a free port and waits until it
    answers; all are ended with the test."""
    started: list[ConsoleProcess] = []

    def start(redis_url: str, *, password: str = PASSWORD, **environment: str) -> ConsoleProcess:
        port = free_port()
        log = tmp_path / f"console-{port}.log"
        process = launch(log, REDIS_URL=redis_url, CONSOLE_PASSWORD=password, CONSOLE_PORT=str(port),
                         **{"ENCRYPTION_KEY": "test secret", "DEFAULT_LANGUAGE": "en"} | environment)  # fmt: skip
        started.append(ConsoleProcess(f"http://127.0.0.1:{port}", process, log))
        wait_for(started[-1])
        return started[-1]

    yield start
    for console in started:
        console.stop()


def launch(log: Path, **environment: str) -> subprocess.Popen[bytes]:
    """`python -m console` with exactly this environment."""
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "console"], cwd=ROOT, stdout=out,
            env={"PATH": "/usr/bin:/bin", "HOME": str(log.parent)} | environment, stderr=subprocess.STDOUT,
        )  # fmt: skip


def wait_for(console: ConsoleProcess, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"{console.url}/healthz", timeout=2):
                return
        except (URLError, OSError):
            if console.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"the console does not answer:\n{console.log.read_text()}") from None
            time.sleep(0.1)


@pytest.fixture(autouse=True)
def _main_stays_main() -> Iterator[None]:
    """Streamlit's AppTest leaves its script in place of __main__; processes started later would run it."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One Chromium for the browser tests of a module; no longer, because its loop would stand in others' way."""
    with browser.chromium() as opened:
        yield opened


def log_in(tab: Any, url: str, *, name: str = "Marta", password: str = PASSWORD, path: str = "/") -> None:
    """Through the form, to `path`."""
    tab.goto(url + path)
    tab.get_by_label("Your name").fill(name)
    tab.get_by_label("Password").fill(password)
    tab.get_by_role("button", name="Log in").click()
