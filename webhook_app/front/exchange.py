"""One HTTP request, and the way back for its answer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Protocol

from webhook_app.problems import CONTENT_TYPE, Problem
from webhook_app.replies import CACHE_CONTROL, SECURITY_HEADERS

Headers = Iterable[tuple[str, str]]

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_OWN_HEADERS = (*SECURITY_HEADERS.items(), ("Cache-Control", CACHE_CONTROL))
_BODILESS = frozenset({204, 304})


class Answers(Protocol):
    """Where the bytes of an answer go."""

    @property
    def closing(self) -> bool:
        """No further request will be taken there."""
        ...

    def answered(self, data: bytes, *, keep: bool) -> None:
        """The current request is answered by `data`; the connection stays open to `keep`."""
        ...


class Exchange:
    """A request that came in whole.

    Attributes:
        method, target: as they stood there.
        version: of HTTP, `1.1` or `1.0`.
        headers: names in lower case; values of the same name joined by a comma.
        body: all of it.
        peer: address of the client.
    """

    __slots__ = ("_answers", "_keep", "body", "headers", "method", "peer", "target", "version")

    def __init__(
        self, answers: Answers, method: str, target: bytes, version: str, headers: Mapping[bytes, bytes], body: bytes,
        *, keep: bool, peer: str = "",
    ) -> None:  # fmt: skip
        self._answers = answers
        self._keep = keep
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.body = body
        self.peer = peer

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send the answer, once. Nothing happens when the client has gone."""
        keep = self._keep and not self._answers.closing
        self._answers.answered(render(status, headers, body, keep=keep, head=self.method == "HEAD"), keep=keep)

    def answer_own(self, content_type: str, body: bytes) -> None:
        """A 200 that does not come from the Flask application."""
        keep = self._keep and not self._answers.closing
        self._answers.answered(_own(content_type, body, int(time.time()), keep=keep), keep=keep)

    def refuse(self, problem: Problem) -> None:
        """Answer with `problem`."""
        keep = self._keep and not self._answers.closing
        self._answers.answered(refusal(problem, keep=keep), keep=keep)


def render(status: int, headers: Headers, body: bytes, *, keep: bool, head: bool = False) -> bytes:
    """An answer on the wire; `headers` name no length, but those of an answer to HEAD, which goes without its body."""
    lines = [_STATUS_LINES.get(status) or f"HTTP/1.1 {status} -\r\n", f"Date: {_date(int(time.time()))}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in headers]
    silent = head or status in _BODILESS
    if not silent:
        lines.append(f"Content-Length: {len(body)}\r\n")
    lines.append("\r\n" if keep else "Connection: close\r\n\r\n")
    written = "".join(lines).encode("latin-1", "replace")
    return written if silent else written + body


def refusal(problem: Problem, *, keep: bool) -> bytes:
    """`problem` on the wire."""
    headers = [("Content-Type", CONTENT_TYPE), *problem.headers.items(), *_OWN_HEADERS]
    return render(problem.http_status, headers, problem.body(), keep=keep)


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


@lru_cache(maxsize=8)
def _own(content_type: str, body: bytes, second: int, *, keep: bool) -> bytes:
    del second  # its answer carries the date
    return render(200, [("Content-Type", content_type), *_OWN_HEADERS], body, keep=keep)
