"""`make up`: the whole of Relevo on this machine, without any account or key.

    python -m common.dev.up [--verbose] [--web-port N] [--console-port N] [--simulator-port N] [--home FOLDER]

Starts an embedded Redis (unless REDIS_URL says otherwise), the processes of the Procfile, and the Graph simulator
in place of Meta (unless GRAPH_API_URL says otherwise); loads the sample shop into an empty catalogue, plays a short
conversation into an empty inbox, and says where to look. Ctrl-C stops everything.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import requests
from redis import Redis, RedisError

from common import settings
from common.dev import conversation, leftovers
from common.dev.lock import Lock
from common.dev.plan import Plan, make
from common.dev.supervisor import GaveUp, Supervisor
from common.dev.terminal import Terminal, last_lines
from common.errors import SettingsError
from common.messages import DEFAULT_TENANT
from common.store import keys
from common.store.connection import connect

#: Seconds until everything must answer; a cold start compiles all of Streamlit on a slow disk.
READY_WITHIN = 90.0

Probe = Callable[[], bool]


class NotReady(Exception):
    """Something did not start; says what."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C; the exit code."""
    options = _options(argv)
    home = Path(options.home).resolve()
    terminal = Terminal(verbose=options.verbose)
    lock = Lock(home)
    if not lock.take():
        terminal.show(f"relevo: already running (pid {lock.holder()}); stop it with: make down")
        return 1
    try:
        cleared = leftovers.stop(leftovers.marked(home), grace=10)
        if cleared:
            terminal.say("up", f"stopped {cleared} processes that an earlier run left behind")
        plan = make(
            home, web=options.web_port, console=options.console_port, simulator=options.simulator_port
        )
    except SettingsError as error:
        terminal.show(f"relevo: {error}")
        return 2
    os.environ.update(plan.env)
    found = settings.load()
    try:
        return asyncio.run(_run(plan, found, terminal))
    except KeyboardInterrupt:  # in the moment before the loop has its own handler
        return 0
    finally:
        lock.release()


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make up ARGS=...", description="All of Relevo on this machine.")
    parser.add_argument("--verbose", action="store_true", help="show every log line, not only warnings")
    parser.add_argument("--home", default=".relevo", help="data folder (default: %(default)s)")
    parser.add_argument("--web-port", type=int, help="webhook and HTTP API (default: PORT or 3001)")
    parser.add_argument("--console-port", type=int, help="console (default: CONSOLE_PORT or 8501)")
    parser.add_argument("--simulator-port", type=int, default=3002, help="Graph simulator (default: %(default)s)")
    return parser.parse_args(argv)


async def _run(plan: Plan, found: settings.Settings, terminal: Terminal) -> int:
    supervisor = Supervisor(plan.env, plan.home, terminal)
    asked = asyncio.Event()
    _on_signals(asked, supervisor)
    work = asyncio.create_task(_start(plan, found, supervisor, terminal))
    failed = asyncio.create_task(supervisor.gave_up())
    wanted = asyncio.create_task(asked.wait())
    code = 0
    try:
        await asyncio.wait((work, failed, wanted), return_when=asyncio.FIRST_COMPLETED)
        if work.done() and not work.exception():
            await asyncio.wait((failed, wanted), return_when=asyncio.FIRST_COMPLETED)
        for task in (work, failed):
            if task.done() and not task.cancelled() and (error := task.exception()):
                raise error
        terminal.say("up", "stopping")
    except (GaveUp, NotReady) as error:
        terminal.show(f"relevo: {error}")
        code = 1
    finally:
        work.cancel()
        await supervisor.stop()
        failed.cancel()
    terminal.say("up", "stopped; nothing is left running" if not code else "stopped")
    return code


def _on_signals(asked: asyncio.Event, supervisor: Supervisor) -> None:
    def ask() -> None:
        if asked.is_set():
            supervisor.kill_now()
        asked.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, ask)


async def _start(plan: Plan, found: settings.Settings, supervisor: Supervisor, terminal: Terminal) -> None:
    began = time.monotonic()
    db = connect(found)
    if plan.redis:
        await supervisor.start(plan.redis)
        terminal.say("up", f"redis at {found.redis_url}, data in {plan.home / 'redis'}")
        await _until({"redis": lambda: _answers(db)}, supervisor)
    elif not await asyncio.to_thread(_answers, db):
        raise NotReady("the Redis of REDIS_URL does not answer; start it, or unset REDIS_URL to use an embedded one")
    code = await supervisor.run_once(plan.release)
    if code:
        lines = last_lines(supervisor.log_path("release"), 5)
        reason = next((line for line in lines if " bad " in line), lines[-1] if lines else "no reason given")
        raise NotReady(f"the release check failed: {reason}")
    await supervisor.start(*filter(None, (plan.simulator, *plan.processes)))
    await asyncio.to_thread(_load_sample, db, terminal)
    await _until(_probes(plan), supervisor)
    terminal.say("up", f"everything answers after {time.monotonic() - began:.1f} s")
    if plan.simulator and conversation.is_first(db):
        terminal.say("up", "two customers write to the shop ...")
        took = await asyncio.to_thread(conversation.play, plan.ports.url("simulator"))
        first = f"the first answer took {took:.1f} s" if took else f"no answer came; see {plan.home / 'logs'}"
        terminal.say("up", first)
    terminal.show(_welcome(plan, found))


def _probes(plan: Plan) -> dict[str, Probe]:
    """What must be true before a person is told to look."""
    web, console, simulator = (plan.ports.url(name) for name in ("web", "console", "simulator"))
    probes: dict[str, Probe] = {
        "web": lambda: _ok(f"{web}/healthz"),
        "worker": lambda: _ok(f"{web}/readyz", status="ready"),  # until a worker lives it is "degraded"
        "console": lambda: _ok(f"{console}/_stcore/health"),
    }
    if plan.simulator:
        probes["simulator"] = lambda: _ok(f"{simulator}/_sim/health", verified="ok")
    return probes


async def _until(probes: Mapping[str, Probe], supervisor: Supervisor) -> None:
    """Wait until all `probes` hold.

    Raises:
        NotReady: one does not within READY_WITHIN seconds.
    """
    until = time.monotonic() + READY_WITHIN
    for name, probe in probes.items():
        while not await asyncio.to_thread(probe):
            if time.monotonic() > until:
                raise NotReady(f"{name} is not ready after {READY_WITHIN:g} s; see {supervisor.log_path(name)}")
            await asyncio.sleep(0.1)


def _ok(url: str, **expected: object) -> bool:
    """Whether `url` answers 2xx, with these values in its JSON."""
    try:
        response = requests.get(url, timeout=2)
        return response.ok and (not expected or expected.items() <= response.json().items())
    except (requests.RequestException, ValueError, TypeError):
        return False


def _answers(db: Redis) -> bool:
    try:
        return bool(db.ping())
    except RedisError:
        return False


def _load_sample(db: Redis, terminal: Terminal) -> None:
    if db.exists(keys.products(DEFAULT_TENANT), keys.knowledge(DEFAULT_TENANT)):
        return
    from common.sample import load  # noqa: PLC0415  not needed from the second run on

    load.load(db, DEFAULT_TENANT)
    terminal.say("up", "sample shop loaded")


def _welcome(plan: Plan, found: settings.Settings) -> str:
    password = found.console_password.get_secret_value() if found.console_password else ""
    chat = f"  Write as a customer   {plan.ports.url('simulator')}/\n" if plan.simulator else ""
    return f"""
{chat}  Answer as the shop    {plan.ports.url("console")}/   password: {password}
  Webhook               {plan.ports.url("web")}/api/whatsapp/webhook
  Logs                  {plan.home / "logs"}/
  Stop                  Ctrl-C   (or: make down)
"""


if __name__ == "__main__":
    raise SystemExit(main())
