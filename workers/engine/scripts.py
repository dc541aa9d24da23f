"""The engine's Lua scripts, each with its header in `lua/`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from common.queueing.job import LIB
from common.store.scripts import Script

_HERE = "workers.engine"

BEAT = Script(_HERE, "beat", lib=[LIB])
REAP = Script(_HERE, "reap", lib=[LIB])
MOVE_DUE = Script(_HERE, "move_due", lib=[LIB])
MOVE_PERIODIC = Script(_HERE, "move_periodic", lib=[LIB])
SWEEP_LANES = Script(_HERE, "sweep_lanes", lib=[LIB])
RESOLVE = Script("common.queueing", "resolve", lib=[LIB])
WAKE = Script("common.queueing", "wake", lib=[LIB])

#: Seconds between the end of a lease and its score in rq:wip. RQ's own clean-up (`rq info` runs it) judges by the
#: score and knows no lanes; our reaper judges by the lease and is always first.
MARGIN = 60

_PLAIN = re.compile(r"[\w.]*")


class Briefing(NamedTuple):
    """What a job's function needs first, read by the script that takes the job: a round trip less.

    Attributes:
        script: changes nothing; its ARGV are the keyword arguments `names` of the job, then `more`.
    """

    script: Script
    names: tuple[str, ...]
    more: tuple[str, ...] = ()


class Turnover(NamedTuple):
    """The two scripts that jobs come and go by.

    Attributes:
        words: names of the scripts that a job may run as its last words.
    """

    claim: Script
    finish: Script
    words: frozenset[str]


def turnover(briefings: Mapping[str, Briefing], words: Sequence[Script] = ()) -> Turnover:
    """Scripts that brief the functions of these paths, and say these last words.

    Raises:
        ValueError: a path, a name or an argument of a briefing is more than letters, digits, `_` and dots.
    """
    briefed = tuple(dict.fromkeys(briefing.script for briefing in briefings.values()))
    taking = [LIB, f"{_HERE}:briefing", f"{_HERE}:claiming"]
    preface = "\n".join(["local BRIEFING = {}", *(_preface(path, briefing) for path, briefing in briefings.items())])
    return Turnover(
        Script(_HERE, "claim", lib=taking, parts=briefed, preface=preface),
        Script(_HERE, "finish", lib=taking, parts=tuple(dict.fromkeys((*briefed, *words))), preface=preface),
        frozenset(script.name for script in words),
    )


def _preface(path: str, briefing: Briefing) -> str:
    if not all(map(_PLAIN.fullmatch, (path, *briefing.names, *briefing.more))):
        raise ValueError(f"not plain enough for Lua: {briefing}")
    args = ", ".join([*(f"job['{name}']" for name in briefing.names), *(f"'{value}'" for value in briefing.more)])
    return f"BRIEFING['{path}'] = function(job) return PART.{briefing.script.name}({{{args}}}) end"


PLAIN = turnover({})
CLAIM, FINISH = PLAIN.claim, PLAIN.finish
