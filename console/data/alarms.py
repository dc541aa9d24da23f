"""What must be repaired, or at least known, before anything else: numbers, Redis, workers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from common.conversations.rows import NumberState
from console.data import format as fmt
from console.text import meta, t

#: Share of Redis's memory from which on somebody must act: what is left lasts for a rush, not for a night.
FULL = 0.9

#: How common.graph.error_codes begins its sentences.
_CODE = re.compile(r"Graph error (\d{1,9})\b")


class Alarm(NamedTuple):
    """`tone` is red (act now) or orange (know it); `title` says what, `advice` what to do."""

    tone: str
    title: str
    advice: str


def of_numbers(states: Sequence[NumberState], *, now: float) -> list[Alarm]:
    """One alarm per number that WhatsApp refuses or that rests for long; blocked ones first."""
    return [_blocked(state) for state in states if state.blocked] + [
        _resting(state, state.rests(now)) for state in states if state.rests(now)
    ]


def of_redis(memory: Mapping[str, Any], *, allow_eviction: bool) -> list[Alarm]:
    """From INFO memory: nearly full, or allowed to drop data. A Redis that does not tell is not complained about."""
    found = []
    used, most = int(memory.get("used_memory", 0)), int(memory.get("maxmemory", 0))
    if most and used > FULL * most:
        title = t("alarm.memory", used=fmt.memory(used), most=fmt.memory(most), share=fmt.number(100 * used / most))
        found.append(Alarm("red", title, t("alarm.memory_next")))
    policy = str(memory.get("maxmemory_policy", ""))
    if policy not in ("", "noeviction") and not allow_eviction:
        found.append(Alarm("red", t("alarm.policy", policy=policy), t("alarm.policy_next")))
    return found


def of_workers(alive: int) -> list[Alarm]:
    """Nobody answers without a worker."""
    return [] if alive else [Alarm("red", t("alarm.no_workers"), t("alarm.no_workers_next"))]


def in_words(reason: str) -> tuple[str, str]:
    """What a stored reason means and what to do, either "" when that is not known; both without a full stop."""
    code = _CODE.search(reason)
    known = meta(int(code[1])) if code else None
    if code and known:
        return f"{known[0]} ({code[1]})", known[1]
    return reason.rstrip("."), ""


def _blocked(state: NumberState) -> Alarm:
    reason, advice = in_words(state.reason)
    title = t("alarm.blocked", number=state.phone_number_id, reason=reason or t("transcript.failed_unknown"))
    return Alarm("red", title, t("alarm.blocked_next", advice=advice or t("alarm.blocked_unknown")))


def _resting(state: NumberState, left: float) -> Alarm:
    reason, _ = in_words(state.reason)
    title = t(
        "alarm.resting", number=state.phone_number_id, left=fmt.duration(left),
        reason=reason or t("alarm.resting_unknown"),
    )  # fmt: skip
    return Alarm("orange", title, t("alarm.resting_next"))
