"""The supervisor of `make up`, with small stand-ins for the real programs."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from common.dev import leftovers
from common.dev.supervisor import GaveUp, Program, Supervisor
from common.dev.terminal import Terminal

SLEEPER = "import time\nprint('up', flush=True)\ntime.sleep(600)"
STUBBORN = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SLEEPER}"
PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print('up', flush=True)
time.sleep(600)
"""


def python(name: str, code: str, *, ends_last: bool = False) -> Program:
    return Program(name, [sys.executable, "-c", textwrap.dedent(code)], ends_last=ends_last)


async def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something of another process."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


class Run:
    """A supervisor and what it said."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.out = io.StringIO()
        self.supervisor = Supervisor(dict(os.environ), home, Terminal(self.out))

    async def up(self, *programs: Program) -> None:
        await self.supervisor.start(*programs)
        for program in programs:
            path = self.supervisor.log_path(program.name)
            await until(lambda path=path: "up" in path.read_text())  # type: ignore[misc]

    def left(self) -> list[int]:
        return [p.pid for p in leftovers.marked(self.home)]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    leftovers.stop(leftovers.marked(tmp_path), grace=0)


def test_a_program_that_dies_is_started_again_and_told(home: Path) -> None:
    """kill -9 of one program: a new one runs within a second, the others never notice."""

    async def story() -> None:
        run = Run(home)
        await run.up(python("web", SLEEPER), python("worker", SLEEPER))
        web, worker = run.supervisor.pid("web"), run.supervisor.pid("worker")

        os.kill(web or 0, signal.SIGKILL)

        await until(lambda: run.supervisor.pid("web") not in {None, web})
        assert worker == run.supervisor.pid("worker")
        assert "web was ended by SIGKILL; starting it again" in run.out.getvalue()
        await run.supervisor.stop()

    asyncio.run(story())


def test_stop_leaves_no_process(home: Path) -> None:
    """Obedient, stubborn and those that a program started in a session of its own: all are gone."""

    async def story() -> None:
        run = Run(home)
        await run.up(python("a", SLEEPER), python("b", STUBBORN), python("c", PARENT))
        assert len(run.left()) == 4

        await run.supervisor.stop(grace=0.3)

        assert run.left() == []
        assert "b did not stop within 0.3 s; killed" in run.out.getvalue()

    asyncio.run(story())


def test_what_others_need_ends_last(home: Path) -> None:
    """Redis is still there while the others finish their work."""
    slow = """
        import pathlib, signal, sys, time
        def end(*_):
            time.sleep(0.3)
            pathlib.Path({path!r}).write_text("saw it" if pathlib.Path({pid!r}).exists() else "alone")
            sys.exit()
        signal.signal(signal.SIGTERM, end)
        print("up", flush=True)
        time.sleep(600)
    """
    base = """
        import pathlib, signal, sys, time
        pathlib.Path({pid!r}).write_text("")
        def end(*_):
            pathlib.Path({pid!r}).unlink()
            sys.exit()
        signal.signal(signal.SIGTERM, end)
        print("up", flush=True)
        time.sleep(600)
    """
    note, pid = str(home / "note"), str(home / "pid")

    async def story() -> None:
        run = Run(home)
        await run.up(python("redis", base.format(pid=pid), ends_last=True))
        await run.up(python("worker", slow.format(path=note, pid=pid)))

        await run.supervisor.stop()

    asyncio.run(story())
    assert "saw it" == Path(note).read_text()
    assert not Path(pid).exists()


def test_wrong_settings_are_not_tried_again(home: Path) -> None:
    """Exit code 2 is a wrong setting: starting it again cannot help."""

    async def story() -> None:
        run = Run(home)
        await run.supervisor.start(python("web", "print('X is missing'); raise SystemExit(2)"))

        with pytest.raises(GaveUp, match="web ended with code 2: X is missing"):
            await asyncio.wait_for(run.supervisor.gave_up(), 10)
        await run.supervisor.stop()

    asyncio.run(story())


def test_a_program_runs_once_and_its_code_is_known(home: Path) -> None:
    """The release check is waited for."""

    async def story() -> None:
        run = Run(home)

        assert await run.supervisor.run_once(python("release", "print('checked'); raise SystemExit(3)")) == 3
        assert run.supervisor.log_path("release").read_text() == "checked\n"
        await run.supervisor.stop()

    asyncio.run(story())


SUPERVISED = """
import asyncio, os, sys
from pathlib import Path
from common.dev.supervisor import Program, Supervisor
from common.dev.terminal import Terminal
async def main():
    supervisor = Supervisor(dict(os.environ), Path({home!r}), Terminal())
    await supervisor.start(*[Program(n, [sys.executable, "-c", c]) for n, c in {programs!r}.items()])
    await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's part is Linux only")
def test_children_do_not_outlive_a_killed_supervisor(home: Path) -> None:
    """kill -9 of the supervisor: its children end; what they started is found by its mark and ended by the next run."""
    code = SUPERVISED.format(home=str(home), programs={"a": SLEEPER, "b": PARENT})
    supervisor = subprocess.Popen([sys.executable, "-c", code])

    async def story() -> None:
        await until(lambda: len(leftovers.marked(home)) == 3)
        supervisor.kill()
        supervisor.wait()
        await until(lambda: len(leftovers.marked(home)) == 1)

        assert leftovers.stop(leftovers.marked(home), grace=5) == 1
        assert leftovers.marked(home) == []

    asyncio.run(story())


def test_only_marked_processes_are_touched(home: Path) -> None:
    """A process without our mark, or with that of another folder, is not ours."""
    code = [sys.executable, "-c", "import time; time.sleep(600)"]
    foreign = subprocess.Popen(code)
    other = subprocess.Popen(code, env={**os.environ, leftovers.MARK: str(home / "other")})
    try:
        assert leftovers.marked(home) == []
        assert psutil.pid_exists(foreign.pid)
    finally:
        for process in (foreign, other):
            process.kill()
            process.wait()


def test_the_terminal_shows_warnings_and_tracebacks_only(home: Path) -> None:
    """Of a child's log a person sees what needs eyes; with --verbose all of it."""
    path = home / "web.log"
    path.write_text("05:00:00.000 WARNING web old: not from this run\n")
    text = (
        "05:00:00.000 INFO    web a: fine\n"
        "05:00:01.000 ERROR   web b: bad\nTraceback (most recent call last):\n  File x\nValueError: no\n"
        '{"at":"2026","level":"warning","event":"json"}\n05:00:02.000 INFO    web c: fine again\nhalf a li'
    )

    async def shown(*, verbose: bool) -> list[str]:
        out = io.StringIO()
        path.write_text("05:00:00.000 WARNING web old: not from this run\n")
        task = asyncio.create_task(Terminal(out, verbose=verbose).follow("web", path))
        await asyncio.sleep(0)
        with path.open("a") as file:
            file.write(text)
        await until(lambda: "json" in out.getvalue())
        task.cancel()
        return [line.partition("| ")[2] for line in out.getvalue().splitlines()]

    quiet = asyncio.run(shown(verbose=False))
    full = asyncio.run(shown(verbose=True))

    assert [
        "05:00:01.000 ERROR   web b: bad", "Traceback (most recent call last):", "  File x", "ValueError: no",
        '{"at":"2026","level":"warning","event":"json"}',
    ] == quiet  # fmt: skip
    assert text.splitlines()[:-1] == full
