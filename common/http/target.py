"""Where a call goes: an address, read once and strictly."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_FORBIDDEN = frozenset("\\") | {chr(code) for code in (*range(0x21), 0x7F)}


class Origin(NamedTuple):
    """What a connection is made to."""

    scheme: str
    host: str
    port: int


class Target(NamedTuple):
    """An origin and what is asked of it: path and query, percent-encoded."""

    origin: Origin
    path: str

    @classmethod
    def of(cls, url: str) -> Target:
        """The target of an absolute http or https address.

        Raises:
            ValueError: it is none, or one that two readers could understand in two ways: with a login, a control
                character, a backslash, or anything that is not ASCII.
        """
        if not url.isascii() or not _FORBIDDEN.isdisjoint(url):
            raise ValueError("an address is written in visible ASCII")
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port  # a port that is no number raises ValueError
        if parts.scheme not in _PORTS or not host or parts.username is not None or parts.password is not None:
            raise ValueError("an address is http(s)://host[:port]/path")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(Origin(parts.scheme, host, port or _PORTS[parts.scheme]), path)

    @property
    def host_header(self) -> str:
        """As the Host header has it."""
        scheme, host, port = self.origin
        name = f"[{host}]" if ":" in host else host
        return name if port == _PORTS[scheme] else f"{name}:{port}"
