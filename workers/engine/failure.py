"""What a failure means for its job, and what of it is kept: pure."""

from __future__ import annotations

import random
import traceback
import zlib
from base64 import b64encode
from dataclasses import dataclass, replace

from redis.exceptions import RedisError

from common.errors import Later, RelevoError
from workers.engine.run import Ending, Run

MOST_TRACE = 8_000
_DEPTH = 4  # causes told of a chained error

#: Errors whose text is ours, or the system's, and cannot hold what a customer wrote.
_SAFE = (RelevoError, OSError, RedisError, ImportError, NameError, AttributeError, TypeError)


class JobTimeout(RelevoError):
    """The job ran longer than its timeout."""

    retryable = True


class JobNotAllowed(RelevoError):
    """The job names a function that this worker does not run."""


class DependencyFailed(RelevoError):
    """A job that this one needs has failed."""


class JobExpired(RelevoError):
    """The job waited longer than its `ttl`: it is not begun any more."""


class LastWordsRefused(RelevoError):
    """Redis answered an error to what the job wrote at its end."""

    retryable = True


class ChildDied(RelevoError):
    """The job's own process ended without a word: killed, or out of memory."""

    retryable = True


class ChildFailed(RelevoError):
    """The job raised in its own process; `line` and `trace` are as `describe` made them there."""

    def __init__(self, line: str, trace: str, *, retryable: bool, retry_after: float | None) -> None:
        super().__init__(line)
        self.line, self.trace = line, trace
        self.retryable, self.retry_after = retryable, retry_after


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with full jitter; seconds. `fixed`: always `base`."""

    base: float = 2.0
    cap: float = 300.0
    fixed: bool = False

    def of(self, backoff: str) -> RetryPolicy:
        """The policy of a job that says `<kind> <seconds>`; this one when it says nothing that can be read."""
        kind, _, seconds = backoff.partition(" ")
        try:
            return replace(self, base=float(seconds), fixed=kind == "fixed") if kind else self
        except ValueError:
            return self

    def delay(self, attempt: int, *, at_least: float = 0.0, rng: random.Random | None = None) -> float:
        """Seconds to wait after the failed `attempt` (1-based): never under `at_least`, spread above it."""
        if self.fixed:
            return max(self.base, at_least)
        ceiling = min(self.cap, self.base * 2.0 ** min(attempt - 1, 60))
        draw = (rng or random).uniform(0.0, ceiling)
        return max(draw, at_least + min(draw, 1.0) if at_least else draw)


def judge(error: BaseException, run: Run, policy: RetryPolicy, *, now: float) -> Ending:
    """How a run ends that raised `error`."""
    if isinstance(error, Later):
        return Ending("later", due=max(error.at, now), error=str(error)[:200])
    line, trace = describe(error)
    if run.context.last_attempt or getattr(error, "retryable", True) is False:
        return Ending("failed", ttl=run.claimed.failure_kept, payload=pack(trace), error=line)
    own = policy.of((run.claimed.backoff or b"").decode())
    wait = own.delay(run.context.attempt, at_least=getattr(error, "retry_after", None) or 0.0)
    return Ending("retry", payload=pack(trace), due=now + wait, error=line)


def describe(error: BaseException) -> tuple[str, str]:
    """One line, and a traceback of at most MOST_TRACE characters.

    Frames and types are kept, and messages only of errors that cannot quote a customer: others (a ValueError, say)
    repeat the text that broke them.
    """
    if isinstance(error, ChildFailed):
        return error.line, error.trace
    return _line(error), _trace(error)[-MOST_TRACE:]


def pack(trace: str) -> bytes:
    """As RQ keeps a traceback in a result."""
    return b64encode(zlib.compress(trace.encode()))


def _line(error: BaseException) -> str:
    name = type(error).__name__
    if not isinstance(error, _SAFE):
        return name
    return f"{name}: {' '.join(str(error).split())}"[:300]


def _trace(error: BaseException) -> str:
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(parts) < _DEPTH:
        parts.insert(0, "".join(traceback.format_tb(seen.__traceback__)) + _line(seen) + "\n")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "\n".join(parts)
