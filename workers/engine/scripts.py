"""The engine's Lua scripts, each with its header in `lua/`."""

from __future__ import annotations

from common.queueing.job import LIB
from common.store.scripts import Script

CLAIM = Script("workers.engine", "claim", lib=[LIB])
FINISH = Script("workers.engine", "finish", lib=[LIB])
BEAT = Script("workers.engine", "beat", lib=[LIB])
REAP = Script("workers.engine", "reap", lib=[LIB])
MOVE_DUE = Script("workers.engine", "move_due", lib=[LIB])
MOVE_PERIODIC = Script("workers.engine", "move_periodic", lib=[LIB])
SWEEP_LANES = Script("workers.engine", "sweep_lanes", lib=[LIB])
RESOLVE = Script("common.queueing", "resolve", lib=[LIB])
WAKE = Script("common.queueing", "wake", lib=[LIB])

#: Seconds between the end of a lease and its score in rq:wip. RQ's own clean-up (`rq info` runs it) judges by the
#: score and knows no lanes; our reaper judges by the lease and is always first.
MARGIN = 60
