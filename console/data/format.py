"""Numbers and times as people read them. Times are unix seconds; the viewer's zone is given."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

NEVER = "\N{EN DASH}"
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def duration(seconds: float) -> str:
    """At most two units: `12 s`, `3 min 10 s`, `5 h 2 min`, `2 d 4 h`; negative counts as zero."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for size, unit in _UNITS:
        if left >= size or (unit == "s" and not parts):
            if left // size:
                parts.append(f"{left // size} {unit}")
            elif not parts:
                return "0 s"
            left %= size
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts)


def short(seconds: float) -> str:
    """One unit, for lists: `now` below five seconds, then `12 s`, `3 min`, `5 h`, `2 d`."""
    left = max(0, int(seconds))
    if left < 5:
        return "now"
    return next(f"{left // size} {unit}" for size, unit in _UNITS if left >= size)


def clock(at: float, zone: tzinfo) -> str:
    """14:03."""
    return datetime.fromtimestamp(at, zone).strftime("%H:%M")


def exact(at: float, zone: tzinfo) -> str:
    """2026-11-22 14:03:09, or a dash when it never happened."""
    return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M:%S") if at else NEVER


def day_name(at: float, now: float, zone: tzinfo) -> str:
    """Today, Yesterday, or `Thu 19 Nov`."""
    day, today = datetime.fromtimestamp(at, zone).date(), datetime.fromtimestamp(now, zone).date()
    distance = (today - day).days
    year = f" {day:%Y}" if distance > 300 else ""
    return {0: "Today", 1: "Yesterday"}.get(distance, f"{day:%a} {day.day} {day:%b}{year}")


def number(value: float) -> str:
    """12,063."""
    return f"{value:,.0f}"


def short_id(job: str) -> str:
    """The prefix and eight digits of an id: enough to tell rows apart."""
    prefix, dash, rest = job.rpartition("-")
    return f"{prefix}{dash}{rest[:8]}"


def zone_of(name: str | None) -> tzinfo:
    """The zone a browser names; UTC when it names none that we know."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
