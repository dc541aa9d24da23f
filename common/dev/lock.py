"""One `make up` per data folder: a lock that the kernel lets go of when its holder dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Lock:
    """The lock of data folder `home`; the file says who holds it."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._path = home / "up.pid"
        self._fd: int | None = None

    def take(self) -> bool:
        """Take it, unless another process has it."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return False
        os.ftruncate(fd, 0)
        os.write(fd, f"{os.getpid()}\n".encode())
        self._fd = fd
        return True

    def holder(self) -> int | None:
        """Pid that was written by who took it last."""
        text = self._path.read_text().strip()
        return int(text) if text.isdigit() else None

    def release(self) -> None:
        """Let go; the file stays, so that nobody locks one that is being removed."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
