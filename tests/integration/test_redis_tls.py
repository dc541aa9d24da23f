"""Redis through TLS, as a user with a password and only the rights that a worker needs."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from common.queueing import inspect, keys
from common.queueing.job import JobSpec, enqueue_many
from common.settings import load
from common.store.connection import connect, connect_async
from tests.conftest import ROOT, RedisServer, free_port
from tests.faults.engine_jobs import PATH
from workers.engine import AsyncWorker

#: What docs/redis.md's keys and a worker's commands need: no other keys, nothing that manages the server.
RIGHTS = ("on", ">relevo-password", "~rq:*", "~rv:*", "&rq:*", "+@all", "-@admin", "-@dangerous", "+info")


def _certificates(folder: Path) -> Path:
    """A certificate of our own for 127.0.0.1, and its key; clients trust the certificate itself."""
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
        "-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt"),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return folder / "tls.crt"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RedisServer, int, Path]]:
    """A server that listens for TLS, the port, and the certificate to trust."""
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command")
    folder = tmp_path_factory.mktemp("tls")
    certificate, port = _certificates(folder), free_port()
    server = RedisServer(folder, extra=(
        "--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(folder / "tls.key"),
        "--tls-ca-cert-file", str(certificate), "--tls-auth-clients", "no",
    ))  # fmt: skip
    try:
        server.start()
    except RedisError:
        pytest.skip("this redis-server was built without TLS")
    yield server, port, certificate
    server.kill()


@pytest.fixture
def plain(served) -> Iterator[Redis]:
    """The same Redis without TLS and with all rights: what the test looks with."""
    with Redis(port=served[0].port) as db:
        db.flushall()
        db.execute_command("ACL", "SETUSER", "relevo", "reset", *RIGHTS)
        yield db


@pytest.fixture
def url(served, plain) -> str:
    _, port, certificate = served
    return f"rediss://relevo:relevo-password@127.0.0.1:{port}/0?ssl_ca_certs={certificate}"


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
    log = plain.acl_log()
    assert [] == log, "it asked for what it may not"


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
        refused = {(entry["reason"], entry["object"]) for entry in plain.acl_log()}
        assert set() == refused
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_the_rq_command_lines_worker_goes_through_tls_too(url, plain):
    """It hands over a blocking client only; the worker's own follows it there."""
    connection = Redis.from_url(url)
    enqueue_many(connection, [job("echo", 1)], now=time.time())
    assert asyncio.run(AsyncWorker(["q"], connection=connection, allow=[PATH]).main(burst=True))
    assert plain.hget(keys.job("j1"), "status") == b"finished"


@pytest.mark.parametrize("client", ["blocking", "shared"])
def test_a_server_that_cannot_be_trusted_is_not_talked_to(served, plain, monkeypatch, client):
    """Without its certificate the login is not even sent."""
    monkeypatch.setenv("REDIS_URL", f"rediss://relevo:relevo-password@127.0.0.1:{served[1]}/0")
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
