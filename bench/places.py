"""Where the peer harness is, and the programs that come with it.

The harness is a folder with `run.py`: --peer, else $PEER_DIR, else ../shared/peer beside the project. What it has
installed (node_modules, venv, bin/stub, bin/loadgen) is in $PEER_HOME, else ~/.cache/relevo-peer. The harness itself
calls that second folder PEER_DIR; a PEER_DIR of that kind is understood as well.
"""

from __future__ import annotations

import os
from pathlib import Path

from bench.machine import ROOT


def harness(given: str = "") -> Path | None:
    """The folder of the peer harness; None when there is none."""
    wanted = given or _named(holds_programs=False) or str(ROOT.parent / "shared" / "peer")
    folder = (ROOT / wanted).resolve()
    return folder if (folder / "run.py").is_file() else None


def installed() -> Path:
    """What the harness has installed; it may not exist."""
    named = os.environ.get("PEER_HOME") or _named(holds_programs=True)
    return Path(named or Path.home() / ".cache" / "relevo-peer")


def program(name: str) -> Path | None:
    """`stub` or `loadgen`, compiled; None when it is not there."""
    path = installed() / "bin" / name
    return path if os.access(path, os.X_OK) else None


def _named(*, holds_programs: bool) -> str:
    """$PEER_DIR when it is a folder of that kind, else ""."""
    named = os.environ.get("PEER_DIR", "")
    return named if named and (ROOT / named / "node_modules").is_dir() == holds_programs else ""
