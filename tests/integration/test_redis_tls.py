"""Redis through TLS, as a user with a password and only the rights of docs/runbook.md: every process does its work."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from common.messages import DEFAULT_TENANT, job_id, message_id
from common.queueing import inspect, keys
from common.queueing.job import JobSpec, enqueue_many
from common.settings import load
from common.store import keys as store_keys
from common.store.connection import connect, connect_async
from tests.conftest import ROOT, free_port
from tests.faults.engine_jobs import PATH
from tests.integration.test_webhook_process import post, serving
from tests.tls import RIGHTS, TlsServer, refused, tls_server
from workers.engine import AsyncWorker

ADMIN = {"Authorization": "Bearer admin-key"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    with tls_server(tmp_path_factory.mktemp("tls")) as server:
        yield server


@pytest.fixture
def plain(served: TlsServer) -> Iterator[Redis]:
    with served.emptied() as db:
        yield db


@pytest.fixture
def url(served: TlsServer, plain: Redis) -> str:
    return served.url


def job(name: str, n: int, **more) -> JobSpec:
    return JobSpec(id=f"j{n}", queue="q", func=PATH + name, **more)


def test_a_worker_does_its_jobs_through_tls_as_a_user_of_few_rights(url, plain, monkeypatch):
    """Claims, lanes, retries' failures, endings and the shared connection: all of it through the one login."""
    monkeypatch.setenv("REDIS_URL", url)
    monkeypatch.setenv("WHATSAPP_ACCESS_TOKEN", "t")
    settings = load()
    blocking = connect(settings)
    specs = [job("echo", n, lane=f"l{n % 5}", kwargs={"n": n}) for n in range(100)]
    enqueue_many(blocking, [*specs, job("refuse", 100)], now=time.time())
    worker = AsyncWorker(["q"], connection=blocking, db=connect_async(settings), allow=[PATH])
    assert asyncio.run(worker.main(burst=True))
    counts = inspect.counts(blocking, ["q"])["q"]
    assert (counts["finished"], counts["failed"]) == (100, 1)
    assert inspect.job_detail(blocking, "j7").result == {"got": {"n": 7}, "attempt": 1}
    assert not plain.exists(keys.LANES)
    assert not refused(plain)


def test_the_processes_run_through_tls(url, plain, tmp_path: Path):
    """Worker and scheduler as they are deployed: a delayed job comes to its queue and is taken."""
    spec = JobSpec(id="a", queue="messages", func="workers.jobs.nothing", due=time.time() + 1)
    own = {"REDIS_URL": url, "WHATSAPP_ACCESS_TOKEN": "t", "ENCRYPTION_KEY": "k", "LOG_LEVEL": "ERROR"}
    names = ("workers", "workers.scheduler")
    with (tmp_path / "log").open("wb") as log:
        processes = [
            subprocess.Popen([sys.executable, "-m", name], cwd=ROOT, env={**os.environ, **own}, stderr=log)
            for name in names
        ]
    try:
        enqueue_many(plain, [spec], now=time.time())
        until = time.monotonic() + 30
        while plain.hget(keys.job("a"), "status") != b"failed":
            assert time.monotonic() < until, (tmp_path / "log").read_text()[-2_000:]
            time.sleep(0.05)
        assert plain.hget(keys.job("a"), "error") == b"JobNotAllowed: there is no workers.jobs.nothing"
        for process in processes:
            process.terminate()
        assert [0, 0] == [process.wait(20) for process in processes]
        assert not refused(plain)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_the_web_process_does_its_work_through_tls_as_a_user_of_few_rights(url, plain):
    """A signed webhook is stored with its job; the pages of operators answer; a queue is paused and goes on."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with serving(port, url, ADMIN_API_KEY="admin-key"):
        assert post(port, "wamid.1").status_code == 200
        mid = message_id("wamid.1")
        assert plain.exists(store_keys.message(DEFAULT_TENANT, mid), keys.job(job_id(mid))) == 2
        for path in ("/readyz", "/metrics", "/api/metrics", "/api/queues", f"/api/jobs/{job_id(mid)}"):
            assert requests.get(base + path, headers=ADMIN, timeout=10).status_code == 200, path
        for action in ("pause", "resume", "whatsapp-ai/pause", "whatsapp-ai/resume", "whatsapp-ai/drain"):
            done = requests.post(f"{base}/api/queues/{action}", headers=ADMIN, timeout=10)
            assert done.status_code == 200, (action, done.text)
    assert not refused(plain)


def test_the_runbook_names_the_rights_that_suffice():
    """Whoever copies its line gets the user of these tests."""
    words = " ".join(RIGHTS).replace(">relevo-password", "><password>")
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    (line,) = re.findall(r"`ACL SETUSER relevo (.+?)`", runbook)
    assert line.replace("'", "") == words


def test_the_rq_command_lines_worker_goes_through_tls_too(url, plain):
    """It hands over a blocking client only; the worker's own follows it there."""
    connection = Redis.from_url(url)
    enqueue_many(connection, [job("echo", 1)], now=time.time())
    assert asyncio.run(AsyncWorker(["q"], connection=connection, allow=[PATH]).main(burst=True))
    assert plain.hget(keys.job("j1"), "status") == b"finished"


@pytest.mark.parametrize("client", ["blocking", "shared"])
def test_a_server_that_cannot_be_trusted_is_not_talked_to(served, plain, monkeypatch, client):
    """Without its certificate the login is not even sent."""
    monkeypatch.setenv("REDIS_URL", f"rediss://relevo:relevo-password@127.0.0.1:{served.port}/0")
    monkeypatch.setenv("WHATSAPP_ACCESS_TOKEN", "t")
    settings = load()

    async def ask() -> None:
        db = connect_async(settings)
        try:
            await db.ping()
        finally:
            await db.aclose()

    with pytest.raises(RedisConnectionError, match="certificate"):
        connect(settings).ping() if client == "blocking" else asyncio.run(ask())
