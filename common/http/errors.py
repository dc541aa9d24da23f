"""Why a call has no answer. The texts name kinds of failure only: no address, no header, nothing that was sent."""

from __future__ import annotations

from typing import NamedTuple


class Answer(NamedTuple):
    """A response, or as much of it as came.

    Attributes:
        headers: names in lower case; of repeated ones, the last.
    """

    status: int
    headers: dict[str, str]
    body: bytes


class HttpError(Exception):
    """A call without a whole answer; `answer` is what was there of it, `late` says that its time was over."""

    def __init__(self, why: str, answer: Answer | None = None, *, late: bool = False) -> None:
        super().__init__(why)
        self.answer = answer
        self.late = late


class NotSent(HttpError):
    """Nothing of the request had left."""


class NoAnswer(HttpError):
    """The request had left; whether it was carried out is not known."""


class TooLarge(NoAnswer):
    """The answer is longer than the caller takes."""
