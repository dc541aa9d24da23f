"""What one `make up` starts: decided from the environment, the Procfile and what this machine has."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.dev import embedded_redis, environment, ports
from common.dev.environment import Ports
from common.dev.supervisor import Program
from common.errors import SettingsError

#: Process types that are not part of every installation, and the setting whose presence asks for them.
ASKED_FOR = {"forking": "FORKING_QUEUES"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What this run starts."""

    home: Path
    ports: Ports
    env: Mapping[str, str]
    redis: Program | None
    simulator: Program | None
    release: Program
    processes: tuple[Program, ...]


def make(
    home: Path, *, web: int | None = None, console: int | None = None, simulator: int = Ports.simulator
) -> Plan:
    """Look around and decide.

    Args:
        home: data folder.
        web: its port; None: PORT of the environment, else 3001.
        console: its port; None: CONSOLE_PORT of the environment, else 8501.
        simulator: its port.

    Raises:
        SettingsError: a port is taken, a tool is missing, a setting is wrong; one line that says what to do.
    """
    given = environment.given_environment(Path(".env"))
    chosen = Ports(
        web=web or environment.port_of(given, "PORT", Ports.web),
        console=console or environment.port_of(given, "CONSOLE_PORT", Ports.console),
        simulator=simulator,
    )
    simulated = environment.is_simulator(given.get("GRAPH_API_URL") or chosen.url("simulator"), chosen)
    names = ("web", "console", "simulator") if simulated else ("web", "console")
    complaint = ports.complaint({name: getattr(chosen, name) for name in names})
    if complaint:
        raise SettingsError(complaint)
    redis_port = None if environment.names_redis(given) else ports.next_free(embedded_redis.FIRST_PORT)
    env = environment.compose(
        given,
        environment.kept_secrets(home / "env", given),
        redis_url=f"redis://127.0.0.1:{redis_port}/0" if redis_port else None,
        ports=chosen,
    )
    remembers = embedded_redis.written_by(home / "redis") != embedded_redis.NOBODY
    programs = _procfile(Path("Procfile"))
    for name, setting in ASKED_FOR.items():
        if not given.get(setting):
            programs.pop(name, None)
    return Plan(
        home=home,
        ports=chosen,
        env=env,
        redis=_redis(home / "redis", redis_port) if redis_port else None,
        simulator=_simulator(chosen, forgot=not redis_port or remembers) if simulated else None,
        release=programs.pop("release"),
        processes=tuple(programs.values()),
    )


def _redis(data: Path, port: int) -> Program:
    return Program("redis", embedded_redis.command(embedded_redis.find(data), data, port), ends_last=True)


def _simulator(chosen: Ports, *, forgot: bool) -> Program:
    """`forgot`: chats are older than this simulator, which keeps nothing and would take their windows for closed."""
    webhook = f"{chosen.url('web')}/api/whatsapp/webhook"
    argv = (sys.executable, "-m", "common.graph.simulator", "--port", str(chosen.simulator), "--webhook", webhook)
    lenient = ("--lenient", "window") if forgot else ()
    return Program("simulator", argv + lenient)  # number, tokens and secrets come from WHATSAPP_* like everybody's


def _procfile(path: Path) -> dict[str, Program]:
    """The programs of a Procfile, `python` being ours."""
    if not path.is_file():
        raise SettingsError("no Procfile here: run this in the folder of the project")
    programs = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, colon, command = line.partition(":")
        if colon and not name.startswith("#"):
            argv = shlex.split(command)
            programs[name.strip()] = Program(name.strip(), [sys.executable if a == "python" else a for a in argv])
    return programs
