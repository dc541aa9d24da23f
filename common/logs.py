"""Logs of every process: one line per event on stdout, JSON or text, without secrets or personal data.

Values are scrubbed last before they are rendered, whoever logged them: our own loggers, the standard library's
(routed into the same lines), and what escapes a thread or the process. Numbers that are numbers stay as they
are; digits inside text are masked when they could be a phone, a card or an id document.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, BinaryIO, Protocol, cast

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

#: Longest text value of a line, in characters; a traceback of that length has told its story.
LONGEST = 8000
_DEPTH = 4

#: Values under these names never leave the process.
_SECRET_NAMES = frozenset(
    {
        "access_token", "api_key", "app_secret", "authorization", "body", "console_password", "cookie", "email",
        "encryption_key", "password", "phone", "raw", "secret", "signature", "token", "verify_token", "wa_id",
        "x_hub_signature_256",
    }
)
#: Values under these names are ids of ours, even where they are made of digits.
_ID_NAMES = frozenset(("conversation", "lane", "phone_number_id"))
#: Libraries that report each of their steps; from INFO on only their warnings are of interest.
_CHATTY = ("aiohttp.access", "asyncio", "rq", "rq_scheduler", "tornado", "urllib3", "watchdog", "werkzeug")

#: Every line has these; a value that a caller names so gets a `_`.
_OURS = frozenset(("at", "level", "process", "logger"))

#: Cheap first look: most values have nothing of this and are passed on untouched.
_SUSPECT = re.compile(r"@|\d[\d ().\-]{5}|EAA|sk-|wamid|bearer|token|secret|password|key|authorization", re.IGNORECASE)
_FINDINGS = re.compile(
    r"""
    (?P<keep>
        \b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b               # uuid
      | \b(?:[a-z]{1,4}-)?[0-9a-f]{32}\b                              # m-<32 hex> and its kin
      | \b(?:\d{5,20}\.)?c[0-9a-f]{20}\b                              # contact, conversation
      | \b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?      # dates
      | \b\d{1,3}(?:\.\d{1,3}){3}\b(?!\.?\d)                          # IPv4
    )
  | (?P<named>(?i:access_token|app_secret|api[_-]?key|authorization|password|secret|token))
        (?P<link>["']?\s*[=:]\s*["']?)(?:(?i:bearer|basic)\s+)?[^\s"'&,;})]+
  | (?P<scheme>(?i:bearer))\s+[^\s"',;]+
  | (?P<login>://)[^\s/@]+@
  | (?P<token>\bEAA[A-Za-z0-9]{16,}|\bsk-[A-Za-z0-9_\-]{12,})
  | wamid\.(?P<wamid>[A-Za-z0-9+/=_\-]{8,})                           # holds the phone number, base64
  | (?P<email>[\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63})+)
  | (?P<digits>(?<![\w.])\+?\(?\d[\d ().\-]{5,38}\d(?!\w))
    """,
    re.VERBOSE,
)
_FLOAT = re.compile(r"\d{1,10}\.\d+")
#: Unix time in s, ms or us, from 2020 to 2033: no phone number of these lengths begins so, no card number either.
_UNIX_TIME = re.compile(r"1[6-9]\d{8}(?:\d{3}|\d{6})?")

MASK = "***"


class Logger(Protocol):
    """What callers use; `event` is a short fixed phrase, everything that varies is a keyword."""

    def debug(self, event: str, **values: Any) -> Any: ...
    def info(self, event: str, **values: Any) -> Any: ...
    def warning(self, event: str, **values: Any) -> Any: ...
    def error(self, event: str, **values: Any) -> Any: ...
    def exception(self, event: str, **values: Any) -> Any: ...
    def bind(self, **values: Any) -> Logger: ...


def get_logger(name: str) -> Logger:
    """The logger of a module; may be made at import, before `configure`."""
    return cast("Logger", structlog.get_logger(name))


def configure(
    process: str,
    *,
    level: str,
    fmt: str,
    stream: BinaryIO | None = None,
    about: Callable[[], Mapping[str, str]] = dict,
) -> None:
    """Set up logging of this process, once, in its composition root.

    Args:
        process: stands in each line: web, worker, scheduler, console, simulator.
        level: DEBUG, INFO, WARNING or ERROR; what is below costs one call of an empty function.
        fmt: json or text.
        stream: where lines go; stdout when None.
        about: what stands in each line that does not say it itself; asked as a line is written.
    """
    number = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            lambda _logger, _method, event: {**about(), **event},
            structlog.processors.add_log_level,
            _stamp(process),
            structlog.processors.format_exc_info,
            scrub,
            structlog.processors.JSONRenderer(serializer=_json) if fmt == "json" else _text,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda name="": _Lines(stream or sys.stdout.buffer, name),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Forward()], level=number, force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(number, logging.WARNING) if number > logging.DEBUG else number)
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


class _Lines(structlog.BytesLogger):
    """Writes lines; `name` is that of the logger."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        super().__init__(stream)
        self.name = name


class _Forward(logging.Handler):
    """Takes the standard library's records into structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            target = structlog.get_logger(record.name)
            level = min(max(record.levelno // 10, 1), 5) * 10  # libraries invent levels in between
            target.log(level, record.getMessage(), exc_info=record.exc_info or None)
        except Exception:  # noqa: BLE001  a log line must never end the work it tells about
            self.handleError(record)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger("process").critical("uncaught", exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _stamp(process: str) -> Callable[[_Lines, str, EventDict], EventDict]:
    def stamp(lines: _Lines, _method: str, event: EventDict) -> EventDict:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        level, phrase = event.pop("level"), event.pop("event", "")
        for taken in _OURS.intersection(event):
            event[f"{taken}_"] = event.pop(taken)
        return {"at": at, "level": level, "process": process, "logger": lines.name, "event": phrase, **event}

    return stamp


# --- scrubbing ----------------------------------------------------------------------------------------------------


def scrub(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask secrets and personal data in all values of `event` (a structlog processor)."""
    return {name: value if name == "at" else _clean(name, value, _DEPTH) for name, value in event.items()}


def scrub_text(text: str) -> str:
    """`text` with tokens, passwords, email addresses and phone- or card-like digits masked; cut at LONGEST."""
    if len(text) > LONGEST:
        text = text[:LONGEST] + "..."
    return _FINDINGS.sub(_mask, text) if _SUSPECT.search(text) else text


def _clean(name: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value if name not in _SECRET_NAMES or value is None else MASK
    if name.lower().replace("-", "_") in _SECRET_NAMES:
        return MASK
    if isinstance(value, str):
        return value if name in _ID_NAMES else scrub_text(value)
    if depth and isinstance(value, Mapping):
        return {scrub_text(str(k)): _clean(str(k), v, depth - 1) for k, v in list(value.items())[:100]}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_clean(name, v, depth - 1) for v in list(value)[:100]]
    if isinstance(value, bytes):
        value = value[:LONGEST].decode("utf-8", "replace")
    return scrub_text(str(value))


def _mask(found: re.Match[str]) -> str:
    kind = found.lastgroup
    text = found[0]
    if kind == "digits":
        return text if _harmless(text) else f"{MASK}{text[-2:]}"
    if kind == "link":
        return f"{found['named']}{found['link']}{MASK}"
    if kind == "scheme":
        return f"{found['scheme']} {MASK}"
    shown = {"keep": text, "login": f"://{MASK}@", "wamid": f"wamid.{MASK}{text[-4:]}"}
    return shown.get(kind or "", MASK)


def _harmless(text: str) -> bool:
    digits = sum(c.isdigit() for c in text)
    return digits < 7 or bool(_FLOAT.fullmatch(text) or _UNIX_TIME.fullmatch(text))


# --- rendering ----------------------------------------------------------------------------------------------------


def _json(event: EventDict, **_options: Any) -> bytes:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS)


def _text(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    """05:03:48.120 WARNING worker workers.engine: slot lost job=wa-1f... (then a traceback, if any)."""
    at, level, process = event.pop("at"), event.pop("level"), event.pop("process")
    name, phrase, trace = event.pop("logger", ""), event.pop("event", ""), event.pop("exception", None)
    values = "".join(f" {key}={_plain(value)}" for key, value in event.items())
    line = f"{at[11:23]} {level.upper():<7} {process} {name}: {phrase}{values}"
    return (f"{line}\n{trace}" if trace else line).encode("utf-8", "backslashreplace")


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else _json(value).decode()
    return text if text and " " not in text and "\n" not in text else orjson.dumps(text).decode()
