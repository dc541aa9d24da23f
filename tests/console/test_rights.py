"""The console on a Redis behind TLS, as a user with only the rights that docs/runbook.md names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from redis import Redis

from common.queueing import manage
from common.queueing.queues import WHATSAPP_AI
from common.settings import load
from common.store import keys
from console import actions, wiring
from tests.console import seed
from tests.console.conftest import PASSWORD, ConsoleProcess
from tests.console.test_login import attempt
from tests.console.test_pages import FAILED, html_of
from tests.tls import TlsServer, refused, tls_server

pytestmark = pytest.mark.redis


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    with tls_server(tmp_path_factory.mktemp("tls")) as found:
        yield found


@pytest.fixture
def plain(server: TlsServer) -> Iterator[Redis]:
    with server.emptied() as db:
        yield db


def test_pages_and_actions_go_through_tls_with_few_rights(
    server: TlsServer, plain: Redis, page: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every page reads what it shows, and what people do there is done, over the console's own client."""
    seed.fill(plain)
    monkeypatch.setenv("REDIS_URL", server.url)
    monkeypatch.setenv("ENCRYPTION_KEY", "test secret")
    monkeypatch.setenv("DEFAULT_LANGUAGE", "en")
    opened: list[str] = []
    services = wiring.build(load(), lambda: opened[0])
    opened.append(services.sessions.open("Marta", "lead").sid)
    cid = seed.cid_of(0)

    overview, inbox = page(on=services), page("views/inbox.py", on=services, show="all", chat=cid)
    jobs, job = page("views/jobs.py", on=services, state="failed"), page("views/job.py", on=services, id=FAILED)
    assert "Failed jobs</span><b>7</b>" in html_of(overview)
    assert "Ana R." in html_of(inbox)
    assert FAILED[:11] in jobs.dataframe[0].value["id"].tolist()
    assert FAILED in html_of(job)
    done = [
        actions.take_over(services, cid), actions.reply(services, cid, "hola"), actions.hand_back(services, cid),
        actions.close(services, cid), actions.retry_jobs(services, [FAILED]),
        actions.pause_queue(services, WHATSAPP_AI), actions.resume_queue(services, WHATSAPP_AI),
    ]  # fmt: skip

    assert all(outcome.ok for outcome in done), done
    assert not manage.paused(plain)
    assert not refused(plain)


def test_the_login_opens_through_tls_with_few_rights(
    server: TlsServer, plain: Redis, console_process: Callable[..., ConsoleProcess]
) -> None:
    """The process itself: its form, a wrong password, the right one, a page, all kept in that Redis."""
    console = console_process(server.url)
    http = requests.Session()

    assert http.get(f"{console.url}/login", timeout=5).status_code == 200
    assert attempt(http, console.url, "wrong").status_code == 401
    assert attempt(http, console.url, PASSWORD).status_code == 303
    assert http.get(f"{console.url}/jobs", timeout=5).status_code == 200

    assert len(plain.keys("rv:console:session:*")) == 1
    assert not plain.exists(keys.login_failures("127.0.0.1"))
    assert not refused(plain)
