"""Logs say what happened and nobody's secrets."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import logs

PROGRAM = """
import logging, structlog, threading, warnings
from common import logs
logs.configure("worker", level={level!r}, fmt={fmt!r})
log = logs.get_logger("here")
{body}
"""


def run(body: str, *, level: str = "INFO", fmt: str = "json") -> str:
    program = PROGRAM.format(level=level, fmt=fmt, body=body)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)
    assert "" == done.stderr
    return done.stdout


def lines(body: str, **options: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(body, **options).splitlines()]


def test_a_json_line_has_time_level_process_logger_event_and_values() -> None:
    """One event is one JSON object on stdout."""
    (line,) = lines('log.info("answered", parts=2, took=0.25)')

    assert line.pop("at").endswith("Z")
    assert {
        "level": "info", "process": "worker", "logger": "here", "event": "answered", "parts": 2, "took": 0.25,
    } == line  # fmt: skip


def test_what_a_caller_names_like_a_field_of_ours_does_not_replace_it() -> None:
    """The time of the line is the line's; a value called `at` is kept beside it. Odd levels of libraries are known."""
    first, second = lines('log.info("due", at=1763782000, process="x"); logging.getLogger("lib").log(35, "odd")')

    assert (1763782000, "x", "worker") == (first["at_"], first["process_"], first["process"])
    assert ("odd", "warning") == (second["event"], second["level"])


def test_bound_context_is_in_every_line_below_it() -> None:
    """A job's ids are bound once and stand in all its lines."""
    body = 'with structlog.contextvars.bound_contextvars(job="wa-1"):\n    log.info("a")\nlog.info("b")'

    first, second = lines(body)

    assert "wa-1" == first["job"]
    assert "job" not in second


def test_what_is_below_the_level_is_not_written() -> None:
    """WARNING silences info, of ours and of the standard library."""
    assert ["c", "d"] == [
        line["event"]
        for line in lines(
            'log.info("a"); logging.getLogger("x").info("b"); log.warning("c"); logging.getLogger("x").warning("d")',
            level="WARNING",
        )
    ]


def test_libraries_logs_and_warnings_come_in_the_same_form() -> None:
    """The standard library's records, warnings and tracebacks are lines like ours, scrubbed like ours."""
    body = """
logging.getLogger("lib").error("call to %s failed", "ana@example.com")
warnings.warn("old")
try:
    raise ValueError("+57 300 123 4567")
except ValueError:
    logging.getLogger("lib").exception("boom")
"""
    first, second, third = lines(body)

    assert ("lib", "call to *** failed", "error") == (first["logger"], first["event"], first["level"])
    assert "py.warnings" == second["logger"]
    assert "ValueError: ***67" in third["exception"]


def test_an_error_that_nobody_caught_is_a_scrubbed_line() -> None:
    """Threads and the process end in a line, not in a raw traceback on stderr."""
    body = """
thread = threading.Thread(target=lambda: 1 / 0)
thread.start(); thread.join()
raise RuntimeError("token=abcdef123456")
"""
    first, second = lines(body)

    assert "ZeroDivisionError" in first["exception"]
    assert "uncaught" == second["event"]
    assert "abcdef" not in json.dumps(second)
    assert "RuntimeError: token=***" in second["exception"]


def test_text_lines_are_for_people() -> None:
    """Text: time, LEVEL, process, logger, phrase, values; values with spaces are quoted."""
    line = run('log.warning("paused", queue="messages", why="too many", n=3)', fmt="text").rstrip("\n")

    assert 'WARNING worker here: paused queue=messages why="too many" n=3' == line.partition(" ")[2]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("Authorization: Bearer abc.def-ghi", "Authorization: ***"),
        ("sent with Bearer abc.def-ghi now", "sent with Bearer *** now"),
        ("GET /v25.0/1?access_token=EAAGabc123&x=1", "GET /v25.0/1?access_token=***&x=1"),
        ("{'token': 'abc', 'n': 1}", "{'token': '***', 'n': 1}"),
        ("key EAAGm0PX4ZCpsBAKZCZBzzzz was refused", "key *** was refused"),
        ("sk-proj-abcdefghijklmnop", "***"),
        ("redis://app:pa55@db:6379/0", "redis://***@db:6379/0"),
        ("mail Ana.R+x@example.co.uk please", "mail *** please"),
        ("call 573001234567", "call ***67"),
        ("call +57 (300) 123-4567 now", "call ***67 now"),
        ("card 4111 1111 1111 1111.", "card ***11."),
        ("wamid.HBgLNTczMDAxMjM0NTY3FQIAERgS", "wamid.***ERgS"),
    ],
)
def test_secrets_and_personal_data_are_masked(text: str, safe: str) -> None:
    """Tokens, logins, addresses, phones, cards and wamids (they hold a phone) never reach a line."""
    assert safe == logs.scrub_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "m-0123456789abcdef0123456789abcdef",
        "m-01234567890123456789012345678901",
        "wa-0123456789abcdef0123456789abcdef",
        "c01234567890123456789",
        "106540352242922.c01234567890123456789",
        "123e4567-e89b-12d3-a456-426614174000",
        "12345678-1234-1234-1234-123456789012",
        "2026-11-22T05:00:00.123456Z",
        "at 1763782000 and 1763782000.123 and 1763782000123",
        "took 0.123456789 s",
        "127.0.0.1:65535",
        "default:out:1",
        "attempt 3 of 5, port 3001",
    ],
)
def test_ids_times_and_small_numbers_stay(text: str) -> None:
    """What one searches logs by is left alone."""
    assert text == logs.scrub_text(text)


def test_values_are_scrubbed_by_name_and_in_depth() -> None:
    """A secret hides neither under its name, nor in a list, nor in an object."""

    class Letter:
        def __str__(self) -> str:
            return "to ana@example.com"

    event = logs.scrub(None, "info", {
        "event": "x", "app_secret": "a", "Authorization": "b", "wa_id": 573001234567, "sizes": [1, 2],
        "items": [{"email": "c", "note": "call 573001234567"}], "thing": Letter(), "raw_bytes": b"573001234567",
        "conversation": "106540352242922.x", "phone_number_id": "106540352242922", "at_s": 1763782000.5,
    })  # fmt: skip

    assert {
        "event": "x", "app_secret": "***", "Authorization": "***", "wa_id": "***", "sizes": [1, 2],
        "items": [{"email": "***", "note": "call ***67"}], "thing": "to ***", "raw_bytes": "***67",
        "conversation": "106540352242922.x", "phone_number_id": "106540352242922", "at_s": 1763782000.5,
    } == event  # fmt: skip


@given(st.from_regex(r"\+?[2-9][0-9]{9,14}", fullmatch=True), st.sampled_from(["", "to ", "(", '{"to":"', "to:", "x="]))
def test_no_phone_number_survives(phone: str, before: str) -> None:
    """Whatever stands before it, an international number is masked."""
    assert phone[:-2] not in logs.scrub_text(f"{before}{phone}")


@given(st.text(max_size=300))
def test_any_text_can_be_scrubbed(text: str) -> None:
    """Scrubbing never fails, and is stable: scrubbed text is safe text."""
    once = logs.scrub_text(text)

    assert once == logs.scrub_text(once)


def test_a_very_long_value_is_cut_and_scrubbed_in_time() -> None:
    """A megabyte of hostile digits costs no more than LONGEST characters do."""
    assert len(logs.scrub_text("1 " * 500_000)) < 2 * logs.LONGEST
