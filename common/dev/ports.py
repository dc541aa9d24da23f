"""Who holds a port, told in one line."""

from __future__ import annotations

import socket
from collections.abc import Mapping

import psutil


def busy(port: int) -> bool:
    """Whether somebody listens on this port of 127.0.0.1 (or nobody else may)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    with socket.socket() as probe:  # a listener on [::] or another address leaves 127.0.0.1 to bind
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def next_free(port: int, *, tries: int = 100) -> int:
    """`port`, or the next one above that nobody holds.

    Raises:
        OSError: none of the next `tries` ports is free.
    """
    for candidate in range(port, min(port + tries, 65536)):
        if not busy(candidate):
            return candidate
    raise OSError(f"no free port from {port} to {port + tries - 1}")


def holder(port: int) -> str:
    """`pid 123 (name)` of the process that listens on `port`; "" when the system does not tell."""
    try:
        listening = (c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN)
        pid = next(c.pid for c in listening if c.laddr.port == port and c.pid)
        return f"pid {pid} ({psutil.Process(pid).name()})"
    except (psutil.Error, OSError, StopIteration):
        return ""


def complaint(wanted: Mapping[str, int]) -> str | None:
    """One line on the first busy port of `wanted` (name to port), or None when all are free."""
    for name, port in wanted.items():
        if busy(port):
            who = holder(port)
            by = f" by {who}" if who else ""
            return f"port {port} ({name}) is in use{by}; stop that, or choose another: make up ARGS='--{name}-port N'"
    return None
