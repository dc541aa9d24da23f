"""Numbers first: tiles that lead to the list behind the number, and small tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from html import escape
from typing import Any, NamedTuple

from console.data import format as fmt
from console.text import t, word
from console.widgets import status


class Tile(NamedTuple):
    """One number with its word, what stands behind it, and where a click leads. `tone`: "", "orange" or "red"."""

    label: str
    value: str
    note: str
    href: str = ""
    tone: str = ""


def row(tiles: Sequence[Tile]) -> str:
    """Up to six tiles."""
    return f'<div class="rv-tiles">{"".join(_tile(tile) for tile in tiles)}</div>'


def _tile(tile: Tile) -> str:
    spoken = escape(f"{tile.label}: {tile.value}, {tile.note}")
    tag, link = ("a", f' data-go href="{escape(tile.href)}" aria-label="{spoken}"') if tile.href else ("div", "")
    tone = f" rv-tone-{tile.tone}" if tile.tone else ""
    return (
        f'<{tag}{link} class="rv-tile{tone}"><span>{escape(tile.label)}</span><b>{escape(tile.value)}</b>'
        f"<small>{escape(tile.note)}</small></{tag}>"
    )


def queue_table(
    rows: Sequence[Mapping[str, Any]], states: Sequence[str], *, title: str, paused: AbstractSet[str] = frozenset()
) -> str:
    """Counts by queue and state; each count leads to its jobs, and a paused queue says so."""
    head = "".join(f"<th scope=col>{status.job_badge(state)}</th>" for state in states)
    lines = "".join(
        f'<tr><th scope=row>{escape(row["queue"])}{f" {status.paused_badge()}" if row["queue"] in paused else ""}</th>'
        f'{"".join(_count(row["queue"], s, row[s]) for s in states)}</tr>'
        for row in rows
    )
    return _table(f"<th scope=col>{escape(title)}</th>{head}", lines, "rv-table rv-counts", title)


def _count(queue: str, state: str, count: int) -> str:
    if not count:
        return '<td class="rv-soft">0</td>'
    tone = ' class="rv-ink rv-red"' if state == "failed" else ""
    href = escape(f"/jobs?queue={queue}&state={state}")
    spoken = escape(t("jobs.count_label", n=fmt.number(count), state=word("job.state", state), queue=queue))
    return f'<td><a data-go{tone} href="{href}" aria-label="{spoken}">{fmt.number(count)}</a></td>'


def worker_table(rows: Sequence[Mapping[str, str]], columns: Mapping[str, str]) -> str:
    """A line per worker; `columns` maps field to heading. Names are short, the whole one is a touch away."""
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in columns.values())
    lines = "".join(
        f'<tr><th scope=row title="{escape(row["full"])}">{escape(row["name"])}</th>'
        f"{''.join(f'<td>{escape(row[column])}</td>' for column in columns if column != 'name')}</tr>"
        for row in rows
    )
    return _table(head, lines, "rv-table rv-workers", t("overview.workers"))


def _table(head: str, lines: str, kind: str, title: str) -> str:
    """Wider than a phone: it scrolls, also by keyboard."""
    table = f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>'
    return f'<div class="rv-scroll" role="region" tabindex="0" aria-label="{escape(title)}">{table}</div>'
