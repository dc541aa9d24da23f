"""Keeps one process at work and starts another when it dies. Imports next to nothing: it only waits."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

#: Exit code of wrong settings: starting again cannot help.
BAD_SETTINGS = 2
#: Seconds between a death and the next start; seconds that the process has to end after SIGTERM.
PAUSE, GRACE = 0.5, 20
_STOPS = (signal.SIGTERM, signal.SIGINT)


def supervise(work: Callable[[int], None]) -> int:
    """Run `work` in a child process until SIGTERM or SIGINT, again whenever it dies; returns the exit code.

    `work` gets a file descriptor that reads as ended once this process is gone: nobody may outlive it, for it would
    keep the port.
    """
    keeper = _Keeper()
    for number in _STOPS:
        signal.signal(number, keeper.stop)
    signal.signal(signal.SIGALRM, keeper.kill)
    while True:
        code = keeper.run(work)
        if code == BAD_SETTINGS or keeper.stopping:
            return code
        print(f"relevo: the web process ended with {code}; it is started again", file=sys.stderr, flush=True)
        time.sleep(PAUSE)


class _Keeper:
    def __init__(self) -> None:
        self._watched, self._held = os.pipe()
        self._child = 0
        self.stopping = False

    def run(self, work: Callable[[int], None]) -> int:
        """A child, from its start to its exit code; minus the signal when one ended it."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)  # none gets lost while it is not known yet
        if self.stopping:
            return 0
        self._child = os.fork()
        if not self._child:
            self._be_child(work)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        _, status = os.waitpid(self._child, 0)
        self._child = 0
        return os.waitstatus_to_exitcode(status)

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True
        self._send(signal.SIGTERM)
        signal.alarm(GRACE)

    def kill(self, _number: int, _frame: FrameType | None) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self._child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, number)

    def _be_child(self, work: Callable[[int], None]) -> None:
        for number in (*_STOPS, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        os.close(self._held)
        code = 1
        try:
            work(self._watched)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:  # noqa: BLE001  told as an uncaught one would be
            sys.excepthook(*sys.exc_info())
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # at once: a thread that still waits for Redis must not hold it up
