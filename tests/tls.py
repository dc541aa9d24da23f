"""A Redis behind TLS, and a user on it with a password and only the rights that docs/runbook.md names."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.conftest import RedisServer, free_port

#: What docs/redis.md's keys and the commands of all processes need: no other keys, nothing that manages the server.
RIGHTS = ("on", ">relevo-password", "~rq:*", "~rv:*", "&rq:*", "+@all", "-@admin", "-@dangerous", "+info")


@dataclass(frozen=True, slots=True)
class TlsServer:
    """A running server: its port for TLS, and the certificate that a client has to trust."""

    server: RedisServer
    port: int
    certificate: Path

    @property
    def url(self) -> str:
        """The user's way in."""
        return f"rediss://relevo:relevo-password@127.0.0.1:{self.port}/0?ssl_ca_certs={self.certificate}"

    @contextmanager
    def emptied(self) -> Iterator[Redis]:
        """The same Redis without TLS and with all rights, empty but for the user: what a test looks with."""
        with Redis(port=self.server.port) as db:
            db.flushall()
            db.execute_command("ACL", "SETUSER", "relevo", "reset", *RIGHTS)
            db.execute_command("ACL", "LOG", "RESET")
            yield db


def refused(db: Redis) -> set[tuple[str, str]]:
    """What the user asked for and may not, as (why, what)."""
    return {(entry["reason"], entry["object"]) for entry in db.acl_log()}


@contextmanager
def tls_server(folder: Path) -> Iterator[TlsServer]:
    """A server that listens for TLS; skips the test where it cannot be had."""
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command")
    certificate, port = _certificates(folder), free_port()
    server = RedisServer(folder, extra=(
        "--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(folder / "tls.key"),
        "--tls-ca-cert-file", str(certificate), "--tls-auth-clients", "no",
    ))  # fmt: skip
    try:
        server.start()
    except RedisError:
        pytest.skip("this redis-server was built without TLS")
    yield TlsServer(server, port, certificate)
    server.close()


def _certificates(folder: Path) -> Path:
    """A certificate of our own for 127.0.0.1, and its key; clients trust the certificate itself."""
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
        "-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt"),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return folder / "tls.crt"
