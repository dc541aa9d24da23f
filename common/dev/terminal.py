"""What `make up` shows: its own lines, and of its children's logs what somebody should see."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import sys
from pathlib import Path
from typing import TextIO

#: Seconds between two looks at the log files.
LOOK_EVERY = 0.25
#: Lines of one process shown per look; an error storm stays in its file.
MOST_LINES = 20

_LOUD = re.compile(r'^\S+ (WARNING|ERROR|CRITICAL)\b|"level":"(warning|error|critical)"|^\[(WARN|ERROR)|^Traceback \(')
_GOES_ON = re.compile(r"^(\s|[\w.]+(Error|Exception|Exit|Interrupt)\b|During handling|The above exception|$)")
_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95)


class Terminal:
    """Prefixed lines, in colour when somebody looks.

    Args:
        out: where lines go.
        verbose: show every line of the children, not only warnings and worse.
    """

    def __init__(self, out: TextIO | None = None, *, verbose: bool = False) -> None:
        self._out = out or sys.stdout
        self._verbose = verbose
        self._colour = self._out.isatty() and not os.environ.get("NO_COLOR")
        self._next_colour = itertools.cycle(_COLOURS)
        self._colours: dict[str, int] = {}

    def say(self, name: str, text: str) -> None:
        """One line of `name`."""
        label = f"{name:<9}|"
        if self._colour:
            if name not in self._colours:
                self._colours[name] = next(self._next_colour)
            label = f"\x1b[{self._colours[name]}m{label}\x1b[0m"
        self.show(f"{label} {text}")

    def show(self, text: str) -> None:
        """`text` as it is. A terminal that went away ends nothing."""
        try:
            print(text, file=self._out, flush=True)
        except (OSError, ValueError):
            self._out = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  lives as long as the process

    async def follow(self, name: str, path: Path) -> None:
        """Show what is appended to `path` from now on, until cancelled."""
        tail = Tail(path)
        loud = False
        while True:
            shown = 0
            for line in tail.lines():
                loud = bool(_LOUD.search(line)) or (loud and bool(_GOES_ON.match(line)))
                if self._verbose or (loud and line.strip()):
                    shown += 1
                    if shown <= MOST_LINES or self._verbose:
                        self.say(name, line)
            if shown > MOST_LINES and not self._verbose:
                self.say(name, f"... {shown - MOST_LINES} more lines in {path}")
            await asyncio.sleep(LOOK_EVERY)


class Tail:
    """The lines that are added to a file after this was made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = path.stat().st_size if path.exists() else 0
        self._rest = b""

    def lines(self) -> list[str]:
        """Whole lines since the last call; a half-written one waits."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except FileNotFoundError:
            return []
        self._at += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [line.decode("utf-8", "replace").rstrip("\r") for line in whole]


def last_lines(path: Path, count: int) -> list[str]:
    """The end of a log, for a person who must see why something failed."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 20_000))
        return file.read().decode("utf-8", "replace").splitlines()[-count:]
