"""Keeps a set of programs running on this machine, and leaves none behind.

Each program is the leader of a session of its own, so that a Ctrl-C in the terminal reaches only the supervisor,
which then stops them in order. A program that ends by itself is started again with back-off. When the supervisor
itself is killed, the kernel sends SIGTERM to its children (Linux); elsewhere, and for grandchildren, the next run
finds them by their mark (`common.dev.leftovers`). Logs go straight to files: a supervisor that is gone or a
terminal that stands still blocks nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.dev import leftovers
from common.dev.terminal import Terminal, last_lines

#: Seconds a program has to stop after SIGTERM.
GRACE = 10.0
#: Seconds after which a program counts as running well, and its back-off begins anew.
STEADY = 20.0
#: Waits between restarts double from the first to the last of these, in seconds.
FIRST_WAIT, LONGEST_WAIT = 0.5, 20.0
#: A program that ends this often in a row, each time before it ran STEADY seconds, is given up.
MOST_RESTARTS = 5
#: Exit code of a process whose settings are wrong: starting it again cannot help.
BAD_SETTINGS = 2
#: A log larger than this (bytes) is set aside at start; one older file is kept.
LARGEST_LOG = 10_000_000

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Program:
    """What to run.

    `env` is added to the environment of all. `ends_last`: stopped only after those without it are gone (Redis).
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ends_last: bool = False


class GaveUp(Exception):
    """A program does not stay up; says which, and its last words."""


class Supervisor:
    """Runs programs until `stop`.

    Args:
        env: their whole environment.
        home: data folder of this run; the mark of our processes, and place of their logs.
        terminal: where the supervisor's own lines and the children's warnings go.
    """

    def __init__(self, env: Mapping[str, str], home: Path, terminal: Terminal) -> None:
        self._env = {**env, leftovers.MARK: str(home), "PYTHONUNBUFFERED": "1"}
        self._home = home
        self._terminal = terminal
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._programs: dict[str, Program] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._echoes: list[asyncio.Task[None]] = []
        self._stopping = False
        self._gave_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        (home / "logs").mkdir(parents=True, exist_ok=True)

    def log_path(self, name: str) -> Path:
        return self._home / "logs" / f"{name}.log"

    def pid(self, name: str) -> int | None:
        """Pid of a program that runs now."""
        process = self._processes.get(name)
        return process.pid if process and process.returncode is None else None

    async def start(self, *programs: Program) -> None:
        """Start `programs` and keep them running."""
        for program in programs:
            self._open_log(program)
            self._programs[program.name] = program
            await self._spawn(program)
            self._keepers.append(asyncio.create_task(self._keep(program), name=f"keep {program.name}"))

    async def run_once(self, program: Program) -> int:
        """Run `program` to its end; its exit code."""
        self._open_log(program)
        self._programs[program.name] = program
        code = await (await self._spawn(program)).wait()
        del self._programs[program.name], self._processes[program.name]
        return code

    async def gave_up(self) -> None:
        """Wait until a program does not stay up.

        Raises:
            GaveUp: always, then.
        """
        raise GaveUp(await asyncio.shield(self._gave_up))

    async def stop(self, *, grace: float = GRACE) -> None:
        """End all: SIGTERM, `grace` seconds, SIGKILL; then those that `ends_last`; then whatever carries our mark."""
        self._stopping = True
        for keeper in self._keepers:
            keeper.cancel()
        for last in (False, True):
            names = [name for name, program in self._programs.items() if program.ends_last is last]
            await asyncio.gather(*(self._end(self._processes[n], n, grace) for n in names if n in self._processes))
        leftovers.stop(leftovers.marked(self._home), grace=1.0)
        for task in self._echoes:
            task.cancel()

    def kill_now(self) -> None:
        """SIGKILL to all, for a person who asked twice."""
        for process in self._processes.values():
            _kill_group(process.pid)

    def _open_log(self, program: Program) -> None:
        path = self.log_path(program.name)
        if path.exists() and path.stat().st_size > LARGEST_LOG:
            path.replace(path.with_suffix(".log.1"))
        path.touch()
        self._echoes.append(asyncio.create_task(self._terminal.follow(program.name, path)))

    async def _spawn(self, program: Program) -> asyncio.subprocess.Process:
        with self.log_path(program.name).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *program.argv,
                env={**self._env, **program.env},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_dies_with(os.getpid()),
            )
        self._processes[program.name] = process
        return process

    async def _keep(self, program: Program) -> None:
        restarts = 0
        while True:
            process = self._processes[program.name]
            ran_well = await _outlived(process, STEADY)
            code = await process.wait()
            _kill_group(process.pid)  # what it leaves behind holds its port
            by_somebody = code in {-signal.SIGKILL, -signal.SIGTERM}
            restarts = 1 if ran_well or by_somebody else restarts + 1
            if code == BAD_SETTINGS or restarts > MOST_RESTARTS:
                if not self._gave_up.done():
                    self._gave_up.set_result(f"{program.name} {describe(code)}: {self._last_words(program.name)}")
                return
            wait = min(FIRST_WAIT * 2 ** (restarts - 1), LONGEST_WAIT)
            self._terminal.say("up", f"{program.name} {describe(code)}; starting it again in {wait:g} s")
            await asyncio.sleep(wait)
            await self._spawn(program)

    def _last_words(self, name: str) -> str:
        path = self.log_path(name)
        return next(iter(last_lines(path, 1)), f"see {path}")

    async def _end(self, process: asyncio.subprocess.Process, name: str, grace: float) -> None:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()  # only the leader: it knows how to end its own children
            try:
                await asyncio.wait_for(process.wait(), grace)
            except TimeoutError:
                self._terminal.say("up", f"{name} did not stop within {grace:g} s; killed")
        _kill_group(process.pid)
        await process.wait()


def describe(code: int) -> str:
    """How a process ended, in words."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


async def _outlived(process: asyncio.subprocess.Process, seconds: float) -> bool:
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        return True
    return False


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _dies_with(parent: int) -> Callable[[], None] | None:
    """Run in the child before exec: SIGTERM when the supervisor dies, even by SIGKILL. Linux only."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up here: nothing may be loaded between fork and exec

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return bind
