"""Numbers and times as people read them. Times are unix seconds; the viewer's zone is given."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from console.text import t

NEVER = "\N{EN DASH}"
#: Characters of a host name in a table.
HOST_LENGTH = 10
_UNIT_NAMES = ("d", "h", "min", "s", "ms")  # the order of time.units
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def duration(seconds: float) -> str:
    """At most two units: `12 s`, `3 min 10 s`, `5 h 2 min`, `2 d 4 h`; negative counts as zero."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for size, unit in _UNITS:
        if left >= size or (unit == "s" and not parts):
            if left // size:
                parts.append(_amount(left // size, unit))
            elif not parts:
                return _amount(0, "s")
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
        return t("time.now")
    return next(_amount(left // size, unit) for size, unit in _UNITS if left >= size)


def clock(at: float, zone: tzinfo) -> str:
    """14:03."""
    return datetime.fromtimestamp(at, zone).strftime("%H:%M")


def exact(at: float, zone: tzinfo) -> str:
    """2026-11-22 14:03:09, or a dash when it never happened."""
    return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M:%S") if at else NEVER


def day_name(at: float, now: float, zone: tzinfo) -> str:
    """Today, Yesterday, or `Thu 19 Nov`, with the year when it is long ago."""
    day, today = datetime.fromtimestamp(at, zone).date(), datetime.fromtimestamp(now, zone).date()
    distance = (today - day).days
    if distance in (0, 1):
        return t("time.yesterday" if distance else "time.today")
    weekday, month = t("time.weekdays").split()[day.weekday()], t("time.months").split()[day.month - 1]
    name = f"{weekday} {day.day} {month}"
    return f"{name} {day.year}" if distance > 300 else name


def ago(seconds: float) -> str:
    """`3 min ago`."""
    return t("time.ago", time=short(seconds))


def precise(seconds: float) -> str:
    """For steps of milliseconds: `4.1 ms`, `96 ms`, `1.3 s`, `24 s`, then as `duration`."""
    ms = max(0.0, seconds * 1000)
    if ms < 1000:
        return f"{number(ms, 1 if ms < 10 else 0)} {_unit('ms')}"
    return f"{number(seconds, 1)} {_unit('s')}" if seconds < 10 else duration(seconds)


def number(value: float, digits: int = 0) -> str:
    """12,063, or with `digits` 4.1; separators are the language's."""
    whole, _, rest = f"{value:,.{digits}f}".partition(".")
    whole = whole.replace(",", t("number.thousands"))
    return f"{whole}{t('number.decimal')}{rest}" if rest else whole


def percent(share: float) -> str:
    """`82 %` for 0.82."""
    return f"{number(share * 100)} %"


def memory(size: float) -> str:
    """`412 MiB`, `3.1 GiB`."""
    mib = size / 2**20
    return f"{number(mib, 1 if mib < 10 else 0)} MiB" if mib < 1024 else f"{number(mib / 1024, 1)} GiB"


def worker(name: str) -> str:
    """A worker's host and process, short enough for a table: `relevo-web.4101` for `relevo-web.example.org.4101.a1b2`.

    Long hosts keep their end, which is what tells the pods of a deployment apart.
    """
    host, dot, rest = name.partition(".")
    pid = next((part for part in rest.split(".") if part.isdigit()), "")
    if not dot or not pid:
        return name if len(name) <= HOST_LENGTH else f"…{name[-HOST_LENGTH:]}"
    return f"{host if len(host) <= HOST_LENGTH else chr(0x2026) + host[-HOST_LENGTH:]}.{pid}"


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


def _end(name: str) -> str:
    return name if len(name) <= HOST_LENGTH else f"\N{HORIZONTAL ELLIPSIS}{name[-HOST_LENGTH:]}"


def _amount(count: int, unit: str) -> str:
    return f"{count} {_unit(unit)}"


def _unit(name: str) -> str:
    return t("time.units").split()[_UNIT_NAMES.index(name)]
