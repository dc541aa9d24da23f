"""The environment of `make up`: what a keyless run needs, and what a person has set.

Who wins, first to last: the real environment, `.env`, the secrets made by an earlier run, the defaults.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.errors import SettingsError

#: The number that the simulator plays; Meta's own documentation uses it.
SAMPLE_PHONE_ID = "106540352242922"

_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")
_QUOTED = re.compile(r"""(?P<quote>["'])(?P<inner>.*)(?P=quote)\s*(?:#.*)?""")

#: Secrets of a keyless run and their sizes in bytes; kept, so that a second run opens what the first one sealed.
_GENERATED = {
    "WHATSAPP_ACCESS_TOKEN": 24,
    "WHATSAPP_VERIFY_TOKEN": 12,
    "WHATSAPP_APP_SECRET": 16,
    "CONSOLE_PASSWORD": 6,
    "ADMIN_API_KEY": 24,
    "ENCRYPTION_KEY": 32,
}


@dataclass(frozen=True)
class Ports:
    """Where each process listens, on this machine."""

    web: int = 3001
    console: int = 8501
    simulator: int = 3002

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{getattr(self, name)}"


def parse_env(text: str, source: str) -> dict[str, str]:
    """`NAME=value` lines; `#` comments, `export`, one pair of quotes; nothing is expanded.

    Raises:
        SettingsError: a line is none of that; says which.
    """
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        found = _LINE.fullmatch(bare)
        if not found:
            raise SettingsError(f"{source} line {number}: expected NAME=value")
        quoted = _QUOTED.fullmatch(found["value"])
        values[found["name"]] = quoted["inner"] if quoted else re.split(r"\s#", found["value"], maxsplit=1)[0].strip()
    return values


def read_env(path: Path) -> dict[str, str]:
    """The values of an env file; none when there is no such file."""
    return parse_env(path.read_text(encoding="utf-8"), path.name) if path.is_file() else {}


def kept_secrets(path: Path, given: Mapping[str, str]) -> dict[str, str]:
    """The generated secrets of this machine, without those that are `given`; made once, kept in `path`."""
    kept = read_env(path)
    missing = {name: secrets.token_hex(size) for name, size in _GENERATED.items() if name not in kept}
    if missing:
        kept |= missing
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text("".join(f"{name}={value}\n" for name, value in kept.items()), encoding="utf-8")
        fresh.replace(path)
    return {name: value for name, value in kept.items() if not given.get(name)}


def compose(
    given: Mapping[str, str], kept: Mapping[str, str], *, redis_url: str | None, ports: Ports
) -> dict[str, str]:
    """The environment that all processes share.

    Args:
        given: the real environment over `.env`; empty values count as not given.
        kept: see `kept_secrets`.
        redis_url: the embedded Redis; None when `given` names one.
        ports: where the processes listen.

    With a GRAPH_API_URL that is not our simulator nothing of WHATSAPP_* is made up: Meta knows no invented token.
    """
    graph = given.get("GRAPH_API_URL") or ports.url("simulator")
    if not is_simulator(graph, ports):
        kept = {name: value for name, value in kept.items() if not name.startswith("WHATSAPP_")}
    defaults = {
        **({"WHATSAPP_PHONE_ID": SAMPLE_PHONE_ID} if is_simulator(graph, ports) else {}),
        "GRAPH_API_URL": graph,
        "BASE_URL": ports.url("web"),
        "CONSOLE_URL": ports.url("console"),
        "HOST": "127.0.0.1",
        "PORT": str(ports.web),
        "CONSOLE_PORT": str(ports.console),
        "LOG_FORMAT": "text",
        **({"REDIS_URL": redis_url} if redis_url else {}),
    }
    ports_decided = {name: defaults[name] for name in ("PORT", "CONSOLE_PORT")}
    return {**defaults, **kept, **{name: value for name, value in given.items() if value}, **ports_decided}


def names_redis(given: Mapping[str, str]) -> bool:
    """Whether a person has said which Redis to use."""
    return any(given.get(name) for name in ("REDIS_URL", "REDIS_HOST", "REDIS_SENTINEL_HOSTS"))


def is_simulator(graph_api_url: str, ports: Ports) -> bool:
    """Whether Graph calls go to our simulator and not to Meta."""
    return graph_api_url.rstrip("/") in {ports.url("simulator"), f"http://localhost:{ports.simulator}"}


def given_environment(dotenv: Path) -> dict[str, str]:
    """The real environment over `.env`."""
    return {**read_env(dotenv), **{name: value for name, value in os.environ.items() if value}}


def port_of(given: Mapping[str, str], name: str, default: int) -> int:
    """A port that the environment may name.

    Raises:
        SettingsError: it is not a port.
    """
    value = given.get(name, "")
    if not value:
        return default
    if not value.isdigit() or not 0 < int(value) < 65536:
        raise SettingsError(f"setting {name}: use a port from 1 to 65535")
    return int(value)
