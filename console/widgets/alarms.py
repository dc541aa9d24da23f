"""Banners on every page: what is wrong with numbers, Redis and workers, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import streamlit as st
from redis.exceptions import RedisError

from common.conversations import reads
from common.conversations.rows import NumberState
from common.queueing import inspect
from console import wiring
from console.data import alarms as data
from console.text import t
from console.widgets import live, status

_ICONS = {"red": "error", "orange": "hourglass_top"}


def watch() -> None:
    """Banners that renew themselves; for pages whose head does not."""
    live.live("alarms", 10)(draw)()


def draw() -> None:
    """Nothing at all while all is well."""
    on = wiring.services()
    found = [
        *data.of_numbers(_numbers(), now=on.clock.now()),
        *data.of_redis(_memory(), allow_eviction=on.allow_eviction),
        *data.of_workers(_workers()),
    ]
    if found:
        st.html(html(found))


def html(found: Sequence[data.Alarm]) -> str:
    """One banner per alarm; reasons are Meta's words and escaped."""
    lines = "".join(
        f'<div class="rv-alarm rv-{one.tone}">{status.icon(_ICONS[one.tone])}<p><b>{escape(one.title)}</b> '
        f"<span>{escape(one.advice)}</span></p></div>"
        for one in found
    )
    return f'<section class="rv-alarms" role="alert" aria-label="{escape(t("alarm.label"))}">{lines}</section>'


# Shared by all who look, so that ten open pages ask Redis no more than one.


@st.cache_data(ttl=5, show_spinner=False)
def _numbers() -> list[NumberState]:
    on = wiring.services()
    return reads.numbers(on.db, on.tenant, on.numbers)


@st.cache_data(ttl=15, show_spinner=False)
def _memory() -> dict[str, Any]:
    try:
        told: dict[str, Any] = wiring.services().db.info("memory")
    except RedisError:
        return {}  # a Redis may refuse INFO; one that is away shows in everything else
    return {name: told[name] for name in ("used_memory", "maxmemory", "maxmemory_policy") if name in told}


@st.cache_data(ttl=5, show_spinner=False)
def _workers() -> int:
    return len(inspect.workers(wiring.services().db))
