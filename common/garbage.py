"""How often a process looks for garbage that only a search finds."""

from __future__ import annotations

import gc

#: New objects until the youngest are searched, and such searches until older ones are. Nearly all that a message makes
#: is gone with its last user, without any search; Python's 700 made searching a sixth of a worker's time.
_THRESHOLDS = (50_000, 20, 100)


def settle() -> None:
    """Called once, when a process is complete: what is there now stays, and need not be looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
