"""The door: settings, cookies, CSRF, back-off, and the gate, over real HTTP on one console process."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from redis import Redis
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as open_websocket

from common.store import keys
from console.auth.gate import PAGES
from console.auth.password import Throttle
from tests.conftest import ROOT, free_port
from tests.console.conftest import PASSWORD, ConsoleProcess, launch

pytestmark = pytest.mark.redis


@pytest.fixture
def console(redis_url: str, console_process: Callable[..., ConsoleProcess]) -> ConsoleProcess:
    return console_process(redis_url)


def attempt(http: requests.Session, url: str, password: str, **fields: str) -> requests.Response:
    form = http.get(f"{url}/login", timeout=5).text
    csrf = re.search(r'name="csrf" value="([^"]+)"', form)
    assert csrf
    data = {"csrf": csrf[1], "password": password, "name": "Marta", "next": "/jobs"} | fields
    return http.post(f"{url}/login", data=data, allow_redirects=False, timeout=5)


def test_the_door(console: ConsoleProcess, db: Redis) -> None:
    """One process, told as one story: closed without a session, opened by the password, closed again by logout."""
    url, http = console.url, requests.Session()

    # Nothing is served without a session: pages lead to the login, all else is refused.
    closed = http.get(f"{url}/jobs?state=failed", headers={"accept": "text/html"}, allow_redirects=False, timeout=5)
    assert (closed.status_code, closed.headers["location"]) == (303, "/login?next=%2Fjobs%3Fstate%3Dfailed")
    assert http.get(f"{url}/_stcore/metrics", timeout=5).status_code == 401
    assert http.get(f"{url}/_stcore/host-config", timeout=5).status_code == 401
    with pytest.raises(InvalidStatus):
        open_websocket(f"{url.replace('http', 'ws')}/_stcore/stream", subprotocols=["streamlit"])  # type: ignore[list-item]

    # A wrong password, a foreign form and a form without its cookie are refused.
    assert attempt(http, url, "wrong").status_code == 401
    assert attempt(http, url, PASSWORD, csrf="forged").status_code == 400
    assert requests.post(f"{url}/login", data={"csrf": "x", "password": PASSWORD}, timeout=5).status_code == 400
    assert requests.post(f"{url}/login", data="x" * 9000, timeout=5).status_code == 400
    assert not http.cookies.get("relevo_session")

    # The right one opens, once and only for the browser that sent it.
    opened = attempt(http, url, PASSWORD)
    cookie = opened.headers["set-cookie"]
    assert (opened.status_code, opened.headers["location"]) == (303, "/jobs")
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert http.get(f"{url}/jobs", timeout=5).status_code == 200
    sid = http.cookies["relevo_session"]
    with open_websocket(f"{url.replace('http', 'ws')}/_stcore/stream", subprotocols=["streamlit"],  # type: ignore[list-item]
                        additional_headers={"cookie": f"relevo_session={sid}"}):  # fmt: skip
        pass
    # What Redis holds does not open the door: the id is not in it.
    names = [key.decode() for key in db.keys("rv:console:session:*")]
    assert len(names) == 1
    assert sid not in names[0]
    assert 7000 < db.ttl(names[0]) <= 7200

    # An address without a page says so, in the language of whoever went there; a script for a file is none of that.
    lost = http.get(f"{url}/orders", headers={"accept": "text/html"}, timeout=5)
    assert (lost.status_code, '<a href="/">Overview</a>' in lost.text) == (404, True)
    assert http.get(f"{url}/jobs/", headers={"accept": "text/html"}, timeout=5).status_code == 200

    # Logout needs the form of this session, and ends it for good.
    assert http.post(f"{url}/logout", data={"csrf": "guess"}, timeout=5).status_code == 403
    csrf = (db.hget(names[0], "csrf") or b"").decode()
    gone = http.post(f"{url}/logout", data={"csrf": csrf}, allow_redirects=False, timeout=5)
    assert (gone.status_code, gone.headers["location"]) == (303, "/login")
    assert db.exists(names[0]) == 0

    # Guessing is slowed down, for the right password too.
    for _ in range(6):
        last = attempt(http, url, "wrong")
    assert last.status_code == 429
    assert "Try again in" in attempt(http, url, PASSWORD).text

    # The form speaks the language that was asked for, and remembers it.
    spanish = http.get(f"{url}/login?lang=es&next=/jobs", timeout=5)
    assert '<html lang="es">' in spanish.text
    assert "Contraseña" in spanish.text
    assert 'href="/login?lang=en&amp;next=%2Fjobs"' in spanish.text
    assert "Contraseña" in http.get(f"{url}/login?lang=xx", timeout=5).text
    assert "Password" in requests.get(f"{url}/login", timeout=5).text

    # Streamlit's own code comes compressed, and nothing may frame us.
    page = http.get(f"{url}/login", timeout=5)
    assert page.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert page.headers["cache-control"] == "no-store"


def test_the_gate_knows_every_page() -> None:
    """Else one that was added would be a wrong address."""
    files = re.findall(r'"(\w+)": "views/\w+.py"', (ROOT / "console" / "app.py").read_text(encoding="utf-8"))
    assert {"/"} | {f"/{name}" for name in files if name != "overview"} == PAGES


def test_back_off_grows_and_is_forgotten_after_success(db: Redis) -> None:
    """Five attempts are free; the sixth waits; the right password forgets them."""
    throttle = Throttle(db)
    assert [throttle.admit("10.0.0.1") for _ in range(5)] == [0.0] * 5

    assert 0 < throttle.admit("10.0.0.1") <= 1
    assert throttle.admit("10.0.0.2") == 0
    assert db.get(keys.login_failures("10.0.0.1")) == b"5"
    throttle.forgive("10.0.0.1")
    assert throttle.admit("10.0.0.1") == 0


@pytest.mark.parametrize(
    ("environment", "named"),
    [({}, "CONSOLE_PASSWORD"), ({"CONSOLE_PASSWORD": "x"}, "ENCRYPTION_KEY"),
     ({"CONSOLE_PASSWORD": "x", "CONSOLE_PORT": "http"}, "CONSOLE_PORT")],
)  # fmt: skip
def test_it_refuses_to_start_and_names_the_setting(tmp_path: Path, environment: dict[str, str], named: str) -> None:
    """Exit code 2 and one line."""
    log = tmp_path / "log"
    process = launch(log, **environment)

    assert process.wait(20) == 2
    lines = log.read_text().splitlines()
    assert len(lines) == 1
    assert named in lines[0]


def test_a_busy_port_is_one_line(redis_server: object, tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        process = launch(tmp_path / "log", CONSOLE_PASSWORD="x", ENCRYPTION_KEY="y", CONSOLE_PORT=str(port))
        assert process.wait(20) == 2

    lines = (tmp_path / "log").read_text().splitlines()
    assert len(lines) == 1
    assert str(port) in lines[0]
