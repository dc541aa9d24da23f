"""The scripts that change a conversation. Arguments and results stand in the header of each `.lua` file."""

from __future__ import annotations

from common.store.scripts import Script

_HERE = "common.conversations"
_CONV = ("keys", f"{_HERE}:conv")
_CONV_AND_QUEUE = ("keys", "common.queueing:lib", f"{_HERE}:conv")

INGEST_MESSAGE = Script(_HERE, "ingest_message", lib=_CONV_AND_QUEUE)
INGEST_ECHO = Script(_HERE, "ingest_echo", lib=_CONV)
INGEST_STATUSES = Script(_HERE, "ingest_statuses", lib=_CONV)
INGEST_OTHER = Script(_HERE, "ingest_other", lib=_CONV)

LOAD_TURN = Script(_HERE, "load_turn", lib=_CONV)
COMMIT_TURN = Script(_HERE, "commit_turn", lib=_CONV)
CLOSE_TURN = Script(_HERE, "close_turn", lib=_CONV)
DEAD_TURN = Script(_HERE, "dead_turn", lib=_CONV)

BEGIN_SEND = Script(_HERE, "begin_send", lib=_CONV)
TELL_SEND = Script(_HERE, "tell_send", lib=_CONV)
SETTLE_SEND = Script(_HERE, "settle_send", lib=_CONV_AND_QUEUE)

RECONCILE_OPEN = Script(_HERE, "reconcile_open", lib=_CONV_AND_QUEUE)
RECONCILE_WAITING = Script(_HERE, "reconcile_waiting", lib=_CONV_AND_QUEUE)

DESK_OWNER = Script(_HERE, "desk_owner", lib=_CONV)
DESK_REPLY = Script(_HERE, "desk_reply", lib=_CONV_AND_QUEUE)
DESK_OPT = Script(_HERE, "desk_opt", lib=_CONV)
DESK_READ = Script(_HERE, "desk_read", lib=_CONV)
