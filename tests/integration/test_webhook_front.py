"""The front of the web process on real sockets: who is answered, in which order, and who holds up nobody."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
import requests
from redis import Redis

from common.channels.whatsapp.signature import sign
from common.messages import DEFAULT_TENANT, message_id
from common.store import keys
from tests.conftest import RedisServer, free_port
from tests.integration.test_webhook_process import PATH, SECRET, answers, post, serving, until
from tests.webhook_bodies import body_of, text_message, value_of
from webhook_app.front.exchange import Exchange
from webhook_app.front.server import Front


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("front")).start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def port(store: RedisServer) -> Iterator[int]:
    """One web process for the tests of this module."""
    number = free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("REDIS_URL", raising=False)
        with serving(number, store.url):
            yield number


@pytest.fixture
def db(store: RedisServer) -> Iterator[Redis]:
    with Redis.from_url(store.url) as client:
        client.flushall()
        yield client


def raw_post(wamid: str, *, secret: str = SECRET, more: str = "", body: bytes | None = None) -> bytes:
    """A whole request, as it goes over the wire."""
    body = body if body is not None else orjson.dumps(body_of(value_of(messages=[text_message(wamid)])))
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: {sign(body, secret.encode())}\r\n"
        f"Content-Length: {len(body)}\r\n{more}\r\n"
    )
    return head.encode() + body


def dial(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=15)


def read_answer(reader) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (lower case) and body of the next answer."""
    status = int(reader.readline().split()[1])
    headers = {}
    while (line := reader.readline().strip()) != b"":
        name, _, value = line.decode().partition(": ")
        headers[name.lower()] = value
    return status, headers, reader.read(int(headers.get("content-length", 0)))


def exchange(port: int, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    with dial(port) as client:
        client.sendall(sent)
        return read_answer(client.makefile("rb"))


def stored(db: Redis, *wamids: str) -> int:
    return db.exists(*(keys.message(DEFAULT_TENANT, message_id(wamid)) for wamid in wamids))


def test_two_hundred_posts_at_once_are_all_stored(port, db):
    """Each on a connection of its own, all sent before the first answer is read."""
    clients = [dial(port) for _ in range(200)]
    for n, client in enumerate(clients):
        client.sendall(raw_post(f"wamid.{n}"))

    assert {read_answer(client.makefile("rb"))[0] for client in clients} == {200}
    assert stored(db, *(f"wamid.{n}" for n in range(200))) == 200
    for client in clients:
        client.close()


def test_posts_that_come_together_are_answered_each_on_its_own(port, db):
    """A forged one and one that is no JSON among good ones: 401, 400, and the rest is stored."""
    sent = [raw_post(f"wamid.{n}") for n in range(10)]
    sent[3], sent[6] = raw_post("wamid.3", secret="wrong"), raw_post("", body=b"{")
    clients = [dial(port) for _ in sent]
    for client, data in zip(clients, sent, strict=True):
        client.sendall(data)

    statuses = [read_answer(client.makefile("rb"))[0] for client in clients]

    assert statuses == [200, 200, 200, 401, 200, 200, 400, 200, 200, 200]
    assert stored(db, *(f"wamid.{n}" for n in range(10))) == 8
    for client in clients:
        client.close()


def test_requests_in_one_write_are_answered_in_order(port, db):
    """Pipelined on one connection: webhook, page, forged webhook, webhook; it stays open in between."""
    page = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"HEAD /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    with dial(port) as client:
        reader = client.makefile("rb")
        client.sendall(raw_post("wamid.1") + page + raw_post("wamid.2", secret="wrong") + raw_post("wamid.3") * 2)
        found = [read_answer(reader) for _ in range(5)]
        client.sendall(raw_post("wamid.4") + head)
        found.append(read_answer(reader))
        assert reader.readline().startswith(b"HTTP/1.1 200")

    assert [status for status, _, _ in found] == [200, 200, 401, 200, 200, 200]
    assert orjson.loads(found[1][2])["openapi"]
    assert all(headers["x-content-type-options"] == "nosniff" and "date" in headers for _, headers, _ in found)


def test_a_slow_sender_holds_up_nobody(port, db):
    """Twenty bodies that never end; a POST beside them is stored at once."""
    slow = [dial(port) for _ in range(20)]
    for client in slow:
        client.sendall(raw_post("wamid.slow")[:-10])

    began = time.monotonic()
    assert post(port, "wamid.quick").status_code == 200
    assert time.monotonic() - began < 2
    for client in slow:
        client.close()
    assert stored(db, "wamid.slow") == 0


def test_a_client_that_leaves_mid_body_leaves_nothing(port, db):
    """Half a request is none; the next one is served."""
    with dial(port) as client:
        client.sendall(raw_post("wamid.half")[:-1])

    assert post(port, "wamid.whole").status_code == 200
    assert (stored(db, "wamid.half"), stored(db, "wamid.whole")) == (0, 1)


def test_a_body_in_small_pieces_is_whole(port, db):
    """As many writes as bytes of its end, chunked or not; Expect: 100-continue is answered first."""
    data = raw_post("wamid.1", more="Expect: 100-continue\r\n")
    head, _, body = data.partition(b"\r\n\r\n")
    with dial(port) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = client.makefile("rb")
        client.sendall(head + b"\r\n\r\n")
        assert reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert reader.readline() == b"\r\n"
        for i in range(len(body)):
            client.sendall(body[i : i + 1])
        assert read_answer(reader)[0] == 200
    assert stored(db, "wamid.1") == 1


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 2_000_000, 431),
        (b"GET / HTTP/1.1\r\n" + b"X-Many: 1\r\n" * 10_000 + b"\r\n", 431),
        (f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n".encode(), 413),
        (f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".encode(), 400),
        (f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n".encode(), 400),
    ],
    ids=["words", "tls", "long header", "many headers", "long body", "two lengths", "no length"],
)
def test_what_is_not_http_or_too_much_is_refused(port, sent, status):
    """One problem, then the connection is closed; the others do not notice."""
    with dial(port) as client:
        reader = client.makefile("rb")
        sending = threading.Thread(target=_send_all, args=(client, sent))
        sending.start()
        found, headers, body = read_answer(reader)
        assert reader.read() == b""
        sending.join()

    assert (found, headers["content-type"], headers["connection"]) == (status, "application/problem+json", "close")
    assert orjson.loads(body)["status"] == status
    assert answers(port)


def _send_all(client: socket.socket, data: bytes) -> None:
    try:
        client.sendall(data)
    except OSError:
        return


def test_an_upgrade_is_not_made(port):
    """Clients that offer HTTP/2 get their answer in HTTP/1.1."""
    sent = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"

    assert exchange(port, sent)[0] == 200


def test_a_redis_that_hangs_costs_a_503_in_time_and_no_health(port, db, store):
    """All POSTs of that while are refused within 4 s, `/healthz` answers all along, and afterwards all goes on."""
    os.kill(store.process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with ThreadPoolExecutor(40) as pool:
            refused = [pool.submit(post, port, f"wamid.{n}") for n in range(20)]
            blocked = [pool.submit(requests.get, f"http://127.0.0.1:{port}/readyz", timeout=30) for _ in range(10)]
            for _ in range(10):
                at = time.monotonic()
                assert answers(port)
                assert time.monotonic() - at < 1
            assert {one.result().status_code for one in refused} == {503}
            assert time.monotonic() - began < 4.5
            os.kill(store.process.pid, signal.SIGCONT)
            del blocked
    finally:
        os.kill(store.process.pid, signal.SIGCONT)

    until(lambda: post(port, "wamid.0").status_code == 200)
    assert {post(port, f"wamid.{n}").status_code for n in range(20)} == {200}
    assert stored(db, *(f"wamid.{n}" for n in range(20))) == 20


def test_sigterm_lets_a_post_end_that_is_on_its_way(store):
    """Its answer comes after the signal; new connections are not taken; then the process ends with 0."""
    number = free_port()
    with serving(number, store.url) as process:
        os.kill(store.process.pid, signal.SIGSTOP)
        try:
            with dial(number) as client:
                client.sendall(raw_post("wamid.last"))
                time.sleep(0.3)  # it is in the hands of the process, which cannot be seen from here
                process.send_signal(signal.SIGTERM)
                until(lambda: not _listening(number))
                os.kill(store.process.pid, signal.SIGCONT)
                status, headers, _ = read_answer(client.makefile("rb"))
        finally:
            os.kill(store.process.pid, signal.SIGCONT)
        assert (status, headers["connection"]) == (200, "close")
        assert process.wait(timeout=15) == 0


def test_a_sender_that_is_too_slow_is_cut_off(monkeypatch):
    """408 and the end for a request that does not come to its end, the end alone for a connection that says nothing."""
    monkeypatch.setattr("webhook_app.front.connection.REQUEST_SECONDS", 0.2)
    number = free_port()

    async def scene() -> None:
        stop = asyncio.Event()
        with socket.create_server(("127.0.0.1", number)) as listening:
            serving = asyncio.create_task(Front(_Nobody(), _Nobody()).serve(listening, stop))
            answered = await asyncio.to_thread(exchange, number, raw_post("wamid.slow")[:-1])
            nothing = await asyncio.to_thread(_said, number)
            stop.set()
            await serving
        assert answered[0] == 408
        assert nothing == b""

    asyncio.run(scene())


class _Nobody:
    """Is never asked."""

    def take(self, found: Exchange) -> None:
        raise AssertionError(found)


def _said(port: int) -> bytes:
    with dial(port) as client:
        return client.recv(1)


def _listening(port: int) -> bool:
    try:
        dial(port).close()
    except OSError:
        return False
    return True
