"""The Graph client against the simulator, and against servers that misbehave below HTTP."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from common.errors import (
    AccountBlocked,
    ChannelError,
    MessageRefused,
    NumberLimited,
    PairLimited,
    SendOutcomeUnknown,
)
from common.graph.client import Accepted, GraphClient
from common.graph.simulator.client import SimulatorClient
from common.graph.simulator.options import DEFAULT_PHONE_ID, Behaviour, Options
from common.graph.simulator.server import SimulatorServer, simulator_in_thread
from common.http.client import HttpClient
from tests.conftest import free_port

ANA = "573001112233"
TOKEN = "EAAG-secret-token-of-this-test"
TEXT = {"type": "text", "text": {"body": "Hola"}}


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorServer]:
    quiet = Behaviour(strict_pair=False, statuses=False, redelivery=False)
    with simulator_in_thread(Options(webhook=None, token=TOKEN), behaviour=quiet) as running:
        yield running


@pytest.fixture
def meta(server: SimulatorServer) -> Iterator[SimulatorClient]:
    with SimulatorClient(server.url) as client:
        client.reset()
        client.say(ANA, "Hola")
        yield client


def run(base_url: str, work: Callable[[GraphClient], Awaitable[object]], *, timeout: float = 2.0, token: str = TOKEN):
    async def main() -> object:
        async with HttpClient(connect_seconds=0.5) as http:
            return await work(GraphClient(http, base_url=base_url, version="v25.0", token=token, timeout=timeout))

    return asyncio.run(main())


def send(base_url: str, *, timeout: float = 2.0, token: str = TOKEN, **more):
    options = {"to": ANA, "recipient": None, "payload": TEXT, "opaque": "default:m-1", **more}
    return run(base_url, lambda graph: graph.send(DEFAULT_PHONE_ID, **options), timeout=timeout, token=token)


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A TCP server that reads one request and then does what `answer` does."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                answer(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def test_a_sent_message_is_in_the_ledger_as_it_was_meant(meta: SimulatorClient):
    """Payload, recipient, quote and our outbox id, and the wamid that came back."""
    accepted = send(meta.base_url, to="+57 300 111 2233", reply_to="wamid.x")
    (entry,) = meta.ledger(ANA)
    assert accepted == Accepted(entry["wamid"], ANA, None)
    assert entry["opaque"] == "default:m-1"
    assert entry["body"] == {
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": "+57 300 111 2233",
        **TEXT, "context": {"message_id": "wamid.x"}, "biz_opaque_callback_data": "default:m-1",
    }  # fmt: skip


def test_a_customer_without_a_phone_is_reached_by_user_id(meta: SimulatorClient):
    """`recipient` goes out, and no wa_id comes back."""
    meta.say("CO.9988776655", "Hola", name="Vale")
    accepted = send(meta.base_url, to=None, recipient="CO.9988776655")
    assert (accepted.wa_id, accepted.user_id) == (None, "CO.9988776655")
    assert meta.ledger("CO.9988776655")[0]["to"] is None


def test_nobody_to_send_to_is_refused_before_anything_leaves(meta: SimulatorClient):
    """No phone and no user id: permanent."""
    with pytest.raises(MessageRefused):
        send(meta.base_url, to=None)
    with pytest.raises(MessageRefused):
        send(meta.base_url, payload={"type": "text", "text": {"body": "\ud800"}})
    assert meta.ledger() == []


@pytest.mark.parametrize(("preset", "kind"), [
    ("500", ChannelError), ("503", ChannelError), ("html502", ChannelError), ("empty500", ChannelError),
    ("rate_limit", NumberLimited), ("429", NumberLimited), ("pair_limit", PairLimited), ("waba_limit", NumberLimited),
    ("token", AccountBlocked), ("permission", AccountBlocked), ("payment", AccountBlocked), ("window", MessageRefused),
    ("504", SendOutcomeUnknown),
])  # fmt: skip
def test_a_refusal_becomes_the_error_of_its_code(meta: SimulatorClient, preset: str, kind: type[ChannelError]):
    """What Graph refused is not in the ledger, and the next call goes through."""
    meta.fail_next(preset)
    with pytest.raises(ChannelError) as caught:
        send(meta.base_url)
    assert type(caught.value) is kind
    assert meta.ledger() == []
    assert send(meta.base_url).wa_id == ANA


def test_waits_that_graph_asks_for_are_told(meta: SimulatorClient):
    """Retry-After in seconds, regain time in minutes."""
    meta.fail_next("429", retry_after=7)
    with pytest.raises(NumberLimited) as caught:
        send(meta.base_url)
    assert caught.value.retry_after == 7
    meta.fail_next("waba_limit")
    with pytest.raises(NumberLimited) as caught:
        send(meta.base_url)
    assert caught.value.retry_after == 300


@pytest.mark.parametrize("preset", ["hang", "reset_after", "garbage", "trickle"])
def test_an_accepted_message_without_a_usable_answer_is_unknown(meta: SimulatorClient, preset: str):
    """Meta has it, we do not know: never to be sent again blindly."""
    meta.fail_next(preset)
    with pytest.raises(SendOutcomeUnknown):
        send(meta.base_url, timeout=0.4)
    assert len(meta.ledger()) == 1


@pytest.mark.parametrize("preset", ["hang_before", "reset"])
def test_a_lost_answer_is_unknown_even_when_nothing_was_accepted(meta: SimulatorClient, preset: str):
    """From outside nobody can tell the two apart."""
    meta.fail_next(preset)
    with pytest.raises(SendOutcomeUnknown):
        send(meta.base_url, timeout=0.4)
    assert meta.ledger() == []


def test_the_deadline_is_of_the_whole_call(meta: SimulatorClient):
    """An answer that trickles does not stretch it."""
    meta.fail_next("trickle", seconds=30)
    began = time.monotonic()
    with pytest.raises(SendOutcomeUnknown):
        send(meta.base_url, timeout=0.5)
    assert time.monotonic() - began < 1.5


def test_a_refusal_whose_body_never_ends_is_still_a_refusal():
    """The status line said that nothing was accepted."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 500 Oh\r\nContent-Length: 1000\r\n\r\n{")
        connection.recv(1)

    with raw_server(answer) as url, pytest.raises(ChannelError) as caught:
        send(url, timeout=0.4)
    assert type(caught.value) is ChannelError


@pytest.mark.parametrize("answer", [
    b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"messages":[]}',
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nxx",
])  # fmt: skip
def test_nonsense_after_a_send_is_unknown(answer: bytes):
    """Whatever a proxy writes: the request had left."""
    with raw_server(lambda connection: connection.sendall(answer)) as url, pytest.raises(SendOutcomeUnknown):
        send(url, timeout=1.0)


def test_a_refused_connection_is_safe_to_try_again():
    """Nothing was written, so nothing can have been sent."""
    with pytest.raises(ChannelError) as caught:
        send(f"http://127.0.0.1:{free_port()}")
    assert type(caught.value) is ChannelError
    assert caught.value.retryable


def test_waiting_for_a_connection_counts_as_not_sent():
    """TLS that is never agreed on: no word of the message has left."""
    with raw_server(lambda connection: connection.recv(1)) as url, pytest.raises(ChannelError) as caught:
        send(url.replace("http:", "https:"), timeout=1.0)
    assert type(caught.value) is ChannelError


def test_the_token_is_in_no_error_and_no_log(meta: SimulatorClient, caplog: pytest.LogCaptureFixture):
    """Neither refusals, nor lost answers, nor repr show it."""
    caplog.set_level(logging.DEBUG)
    shown = []
    for preset in ("token", "reset", "html502"):
        meta.fail_next(preset)
        with pytest.raises(ChannelError) as caught:
            send(meta.base_url, timeout=0.5)
        shown += [str(caught.value), repr(caught.value), caught.value.details, str(caught.value.__context__)]
    with pytest.raises(AccountBlocked):
        send(meta.base_url, token="wrong-" + TOKEN)

    async def name(graph: GraphClient) -> str:
        return repr(graph)

    shown.append(str(run(meta.base_url, name)))
    assert TOKEN not in caplog.text + "".join(shown)


def test_read_marks_and_typing_reach_the_customer(meta: SimulatorClient):
    """Blue ticks for everything up to that message; a time-out there is no unknown send."""
    wamid = meta.say(ANA, "¿Siguen ahí?")["wamid"]
    run(meta.base_url, lambda graph: graph.mark_read(DEFAULT_PHONE_ID, wamid, typing=True))
    chat = meta.chat(ANA)
    assert [message["status"] for message in chat["messages"]] == ["read", "read"]
    assert chat["typing"] is True
    meta.fail_next("hang_before", endpoint="read")
    with pytest.raises(ChannelError) as caught:
        run(meta.base_url, lambda graph: graph.mark_read(DEFAULT_PHONE_ID, wamid, typing=False), timeout=0.3)
    assert type(caught.value) is ChannelError


def test_media_go_up_and_come_back_the_same(meta: SimulatorClient):
    """Upload, resolve, download; hex or base64, as Meta happens to write the hash."""
    data = b"%PDF-1.4 " + bytes(range(256)) * 500

    async def work(graph: GraphClient):
        media_id = await graph.upload_media(DEFAULT_PHONE_ID, data, mime_type="application/pdf", filename="ñ.pdf")
        info = await graph.media_url(media_id, phone_number_id=DEFAULT_PHONE_ID)
        return info, await graph.download_media(info.url)

    info, got = run(meta.base_url, work)
    assert got == data
    assert (info.mime_type, info.file_size, len(info.sha256)) == ("application/pdf", len(data), 64)
    meta.settings(media_sha256="base64")
    info, _ = run(meta.base_url, work)
    assert len(info.sha256) == 44


def test_a_download_larger_than_the_limit_is_not_read(meta: SimulatorClient):
    """However large its sender says it is."""

    async def work(graph: GraphClient):
        image = meta.say(ANA, kind="image") and meta.chat(ANA)["messages"][-1]["body"]["id"]
        return await graph.download_media((await graph.media_url(image)).url, limit=100)

    with pytest.raises(MessageRefused):
        run(meta.base_url, work)


@pytest.mark.parametrize("url", [
    "http://169.254.169.254/latest/meta-data", "https://lookaside.fbsbx.com.evil.example/x", "https://evil.example/x",
    "http://lookaside.fbsbx.com/x", "https://lookaside.fbsbx.com:8443/x", "https://user:pw@lookaside.fbsbx.com/x",
    "https://apps.fbsbx.com/x", "file:///etc/passwd", "//lookaside.fbsbx.com/x", "", "http://[", "http://127.0.0.1:1/x",
])  # fmt: skip
def test_the_bearer_goes_to_meta_and_nowhere_else(meta: SimulatorClient, url: str):
    """Addresses come out of webhooks and answers: none but Meta's media host and our own Graph base is asked."""
    with pytest.raises(MessageRefused):
        run(meta.base_url, lambda graph: graph.download_media(url))


def test_a_redirect_is_not_followed(meta: SimulatorClient):
    """A host of Meta's that points elsewhere does not get our token carried there."""
    with raw_server(lambda c: c.sendall(f"HTTP/1.1 302 x\r\nLocation: {meta.base_url}/\r\n\r\n".encode())) as url:
        with pytest.raises(ChannelError):
            run(url, lambda graph: graph.download_media(url + "/x"))


def test_sends_one_after_the_other_keep_their_order(meta: SimulatorClient):
    """200 of them through one client."""
    meta.settings(strict_number=False)

    async def work(graph: GraphClient) -> None:
        for i in range(200):
            await graph.send(DEFAULT_PHONE_ID, to=ANA, recipient=None, payload=TEXT, opaque=str(i))

    run(meta.base_url, work)
    assert [entry["opaque"] for entry in meta.ledger(ANA)] == [str(i) for i in range(200)]
