"""The console as an ASGI app: Streamlit behind the gate, with our login beside it."""

from __future__ import annotations

import gc
import socket
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from common.settings import Settings, stop
from console.auth.gate import Gate
from console.auth.password import Password, Throttle
from console.auth.routes import Doors
from console.compression import StaticGzip
from console.widgets import notices
from console.wiring import Services

SCRIPT = Path(__file__).parent / "app.py"

#: Loaded before the first visitor, so that the garbage collector never walks them again (`gc.freeze`).
HEAVY = ("pandas", "plotly.graph_objects", "pyarrow", "streamlit.elements.plotly_chart", "streamlit.elements.arrow")

OPTIONS: dict[str, Any] = {
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "global.developmentMode": False,
    "global.disableWidgetStateDuplicationWarning": True,  # the URL sets our filters, by design
    "logger.enableRich": False,
    "logger.hideWelcomeMessage": True,
    "logger.level": "critical",  # what fails in a page comes through notices.unexpected, scrubbed
    "runner.magicEnabled": False,
    "server.disconnectedSessionTTL": 60,
    "server.enableStaticServing": False,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.maxMessageSize": 20,
    "server.maxUploadSize": 1,
    "server.websocketPingInterval": 20,
}


def build_app(services: Services, *, password: str, secure: bool) -> st.App:
    """The whole console. `secure`: it is reached over https, so cookies never travel without."""
    doors = Doors(services.db, services.sessions, Password(password), Throttle(services.db), secure, services.language)
    return st.App(
        SCRIPT,
        routes=doors.routes(),
        middleware=[Middleware(Gate, sessions=services.sessions, language=services.language), Middleware(StaticGzip)],
        lifespan=_warm,
        on_script_error=notices.unexpected,
    )


def serve(app: st.App, settings: Settings) -> None:
    """Listen until a signal comes.

    Raises:
        SystemExit: the port is taken; one line says so.
    """
    # A console is for the team: it listens to the world only where HOST says so.
    host = settings.host if "host" in settings.model_fields_set else "127.0.0.1"
    port = settings.port_of_console()
    _check_port(host, port)
    app.run(config=OPTIONS | theme() | {"server.address": host, "server.port": port})


def theme() -> dict[str, Any]:
    """The options of theme/theme.toml, by their dotted names."""
    found = tomllib.loads(files("console.theme").joinpath("theme.toml").read_text(encoding="utf-8"))
    return dict(_dotted("theme", found["theme"]))


def _dotted(prefix: str, table: dict[str, Any]) -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in table.items():
        flat += _dotted(f"{prefix}.{name}", value) if isinstance(value, dict) else [(f"{prefix}.{name}", value)]
    return flat


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            stop("console_port", f"cannot listen on {host}:{port}: {error.strerror or error}")


@asynccontextmanager
async def _warm(_app: st.App) -> AsyncIterator[None]:
    """Streamlit collects garbage after every run: what is loaded now is taken out of its sight (100 ms a run)."""
    for name in HEAVY:
        import_module(name)
    gc.collect()
    gc.freeze()
    yield
