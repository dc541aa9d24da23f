"""The HTTP client against servers on a socket that answer byte by byte what a test wants."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from common.http.client import HttpClient, Route
from common.http.errors import Answer, HttpError, NoAnswer, NotSent, TooLarge
from common.http.target import Target
from tests.conftest import free_port

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@dataclass
class Peer:
    """Answers each request with the next of `answers`; None closes the connection, without a word."""

    answers: list[bytes | None]
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.partition(b"Content-Length:")[2].split()[0])
                self.requests.append(head + await reader.readexactly(length))
                answer = self.answers.pop(0) if self.answers else OK
                if answer is None:
                    break
                writer.write(answer)
                if b"Content-Length" not in answer and b"chunked" not in answer:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()


def talk(answers: Sequence[bytes | None], work: Callable[[HttpClient, str], Awaitable[object]], **options):
    """What `work` returns, and the peer it talked to."""

    async def main() -> tuple[object, Peer]:
        peer = Peer(list(answers))
        server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
        async with server, HttpClient(**options) as http:
            port = server.sockets[0].getsockname()[1]
            found = await work(http, f"http://127.0.0.1:{port}/a?b=c")
            return found, peer

    return asyncio.run(main())


async def ask(http: HttpClient, url: str, body: bytes = b"{}", **options) -> Answer:
    return await http.call(Route("POST", url, {"X-Key": "k"}), body, **{"seconds": 2.0, "most": 1000, **options})


async def twice(http: HttpClient, url: str, **options) -> list[Answer]:
    return [await ask(http, url, **options) for _ in range(2)]


def test_a_request_is_written_as_rfc_9112_has_it():
    """Method, target, Host, length, headers, body; and nothing else."""
    _, peer = talk([], ask)
    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert (lines[0], body) == (b"POST /a?b=c HTTP/1.1", b"{}")
    assert [line.split(b":")[0] for line in lines[1:]] == [b"Host", b"Accept-Encoding", b"X-Key", b"Content-Length"]


@pytest.mark.parametrize(("raw", "body"), [
    (OK, b"hi"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n", b"hi"),
    (b"HTTP/1.1 200 OK\r\n\r\nhi", b"hi"),  # ends with its connection
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + OK, b"hi"),
    (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", b""),
])  # fmt: skip
def test_answers_of_every_framing_are_read(raw: bytes, body: bytes):
    """Whatever their status."""
    answer, _ = talk([raw], ask)
    assert (answer.status, answer.body) == (500 if b"500" in raw else 200, body)


def test_a_connection_is_kept_for_the_next_call_and_given_up_when_it_was_idle_too_long():
    """One for two calls; two when nothing may be idle."""
    assert talk([], twice)[1].connections == 1
    assert talk([], twice, idle_seconds=-1.0)[1].connections == 2


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", OK + b"HTTP/1.1 200 OK\r\n", OK + b"x",
])  # fmt: skip
def test_a_connection_that_says_close_or_more_than_asked_is_not_used_again(answer: bytes):
    """What came unasked would be taken for the next answer."""
    answers, peer = talk([answer], twice)
    assert [one.body for one in answers] == [b"hi", b"hi"]
    assert peer.connections == 2


def test_a_kept_connection_that_was_closed_is_made_good_only_where_repeating_does_no_harm():
    """Nobody knows whether the request was carried out."""
    answers, peer = talk([OK, None, OK], lambda http, url: twice(http, url, repeatable=True))
    assert [one.body for one in answers] == [b"hi", b"hi"]
    assert (peer.connections, len(peer.requests)) == (2, 3)
    with pytest.raises(NoAnswer):
        talk([OK, None, OK], twice)


@pytest.mark.parametrize("raw", [
    None, b"SSH-2.0-x\r\n", b"HTTP/1.1 101 x\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\nContent-Length: 2\r\n\r\nhi",
])  # fmt: skip
def test_what_is_no_answer_says_that_the_request_had_left(raw: bytes | None):
    """A closed connection, another protocol, a head without end."""
    with pytest.raises(NoAnswer):
        talk([raw], ask)


@pytest.mark.parametrize("raw", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1f4\r\n" + b"x" * 500 + b"\r\n1f5\r\n" + b"x" * 501,
])  # fmt: skip
def test_an_answer_that_is_too_long_is_not_read_to_its_end(raw: bytes):
    """And its head is told."""
    with pytest.raises(TooLarge) as caught:
        talk([raw], ask)
    assert caught.value.answer.status == 200


def test_the_time_is_of_the_whole_call_and_what_came_is_told():
    """A body that never ends."""
    with pytest.raises(NoAnswer) as caught:
        talk([b"HTTP/1.1 503 Oh\r\nContent-Length: 9\r\n\r\nhi"], lambda http, url: ask(http, url, seconds=0.2))
    assert caught.value.late
    assert (caught.value.answer.status, caught.value.answer.body) == (503, b"hi")


def test_a_cancelled_call_leaves_no_connection_that_would_answer_the_next():
    """Its answer may still be on the way."""

    async def work(http: HttpClient, url: str) -> Answer:
        task = asyncio.create_task(ask(http, url))
        while not (done := await asyncio.wait({task}, timeout=0.05))[1]:
            raise AssertionError(done)
        task.cancel()
        await asyncio.wait({task})
        return await ask(http, url)

    answer, peer = talk([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"], work)
    assert (answer.body, peer.connections) == (b"hi", 2)


def test_nothing_has_left_when_nobody_listens_or_tls_is_refused():
    """A certificate that nobody vouches for is refused before the first byte of the request."""

    async def work(http: HttpClient, url: str) -> list[HttpError]:
        found = []
        for bad in (f"http://127.0.0.1:{free_port()}/", url.replace("http", "https"), "http://name.invalid/"):
            with pytest.raises(NotSent) as caught:
                await ask(http, bad)
            found.append(caught.value)
        return found

    errors, peer = talk([], work, connect_seconds=1.0)
    assert all("127.0.0.1" not in str(error) for error in errors)
    assert peer.requests == []


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_nothing_has_left_on_a_connection_that_closes_as_it_is_made(runner):
    """uvloop would say RuntimeError, which nobody tries again."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with HttpClient() as http:

            class Closing:
                time = staticmethod(loop.time)

                async def create_connection(self, *args: object, **options: object) -> object:
                    transport, wire = await loop.create_connection(*args, **options)
                    heard, lost = asyncio.Event(), wire.connection_lost
                    wire.connection_lost = lambda error: (lost(error), heard.set())
                    transport.abort()
                    await heard.wait()
                    return transport, wire

            http._loop = Closing()
            async with await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0) as server:
                await ask(http, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

    with pytest.raises(NotSent):
        runner(main())


def test_tls_is_verified_against_the_systems_authorities():
    """As of Python's own defaults."""

    async def main() -> ssl.SSLContext:
        async with HttpClient() as http:
            return http._tls

    context = asyncio.run(main())
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize("url", [
    "", "x", "//h/", "ftp://h/", "http://", "http://u@h/", "http://u:p@h/", "http://h\\@e/", "http://h/ x", "http://h/\n",
    "http://h:x/", "http://h:70000/", "http://ñ/", "http://[::1/",
])  # fmt: skip
def test_an_address_that_can_be_read_in_two_ways_is_refused(url: str):
    """Who checks a host and who connects to it read it alike."""
    with pytest.raises(ValueError, match=r"(?i)address|port|url"):
        Target.of(url)


def test_a_header_cannot_end_its_line():
    """Nor bring one of its own along."""
    with pytest.raises(ValueError, match="line break"):
        Route("GET", "http://h/", {"X": "a\r\nY: b"})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=3))
def test_any_bytes_are_an_answer_or_an_error_of_ours(parts: list[bytes]):
    """Hostile servers get no other exception out of it, and never hold a call beyond its time."""

    async def work(http: HttpClient, url: str) -> None:
        for _ in parts:
            try:
                await ask(http, url, seconds=0.05)
            except HttpError:
                pass

    talk([b"HTTP/1.1 " + part for part in parts], work)
