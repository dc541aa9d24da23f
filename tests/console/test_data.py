"""The pure parts: words for numbers, who may write, series, pages, and HTML that nothing escapes from."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.conversations.rows import ConversationRow, TranscriptEntry
from common.queueing.inspect import QueueSample, Sample
from console import text
from console.auth.password import backoff
from console.auth.routes import safe_path
from console.data import format as fmt
from console.data import inbox, jobs, overview
from console.widgets import links, live, people, status, transcript

ROW = ConversationRow(
    cid="1.c0", label="Ana R.", tail="0001", owner="human", since=100.0, agent="Marta", reason="", unread=0,
    last_at=100.0, last_in_at=100.0, window_until=90_000.0, preview="hola", preview_kind="text", preview_dir="in", v=1,
)  # fmt: skip
ENTRY = TranscriptEntry(
    mid="m-1", position=0, dir="in", kind="text", text="hola", at=1_700_000_000.0, state="answered", by="", actor="",
    turn="", job="", error="", error_code=None, why="", quoted=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "long", "brief"),
    [(-3, "0 s", "now"), (0, "0 s", "now"), (12, "12 s", "12 s"), (60, "1 min", "1 min"), (190, "3 min 10 s", "3 min"),
     (3600, "1 h", "1 h"), (3605, "1 h", "1 h"), (18_120, "5 h 2 min", "5 h"), (187_200, "2 d 4 h", "2 d")],
)  # fmt: skip
def test_durations_have_at_most_two_units(seconds: float, long: str, brief: str) -> None:
    assert fmt.duration(seconds) == long
    assert fmt.short(seconds) == brief


def test_days_are_the_viewers_days() -> None:
    """Half past four UTC on the 22nd is the 21st in Bogotá."""
    at, now = 1_795_322_000.0, 1_795_325_000.0  # 2026-11-22 04:33 and 05:23 UTC

    assert fmt.day_name(at, now, ZoneInfo("America/Bogota")) == "Yesterday"
    assert fmt.day_name(at, now, UTC) == "Today"


def test_an_unknown_zone_is_utc() -> None:
    assert fmt.zone_of("../../etc/passwd") is UTC
    assert fmt.zone_of(None) is UTC


@pytest.mark.parametrize(
    ("change", "me", "role", "now", "why"),
    [
        ({}, "Marta", "lead", 200, ""),
        ({}, "Iván", "lead", 200, "inbox.reply_human"),
        ({"owner": "bot"}, "Marta", "lead", 200, "inbox.reply_bot"),
        ({"owner": "waiting"}, "Marta", "agent", 200, "inbox.reply_waiting"),
        ({"owner": "closed"}, "Marta", "agent", 200, "inbox.reply_closed"),
        ({}, "Marta", "viewer", 200, "inbox.reply_viewer"),
        ({}, "Marta", "lead", 89_950, "inbox.reply_window"),
    ],
)
def test_only_the_owner_writes_inside_the_window(
    change: dict[str, str], me: str, role: str, now: float, why: str
) -> None:
    found = inbox.composer(replace(ROW, **change), me=me, role=role, now=now)

    assert (found.open, found.why) == (not why, why)
    assert not why or text.t(why, agent="x")


def test_series_keep_the_peak_and_the_gaps() -> None:
    """A slice shows its highest sample; slices without any are left out; empty queues too."""
    def sample(at: float, queued: int) -> Sample:
        busy = QueueSample(queued, 0, 0, 0, 0, None, 0, 0)
        return Sample(at, {"whatsapp-ai": busy, "messages": replace(busy, queued=0)})

    series = overview.depth_series(
        [sample(1, 3), sample(5, 9), sample(6, 2), sample(95, 1), sample(999, 50)], since=0, until=100, points=10
    )

    assert series == {"whatsapp-ai": [(5.0, 9), (95.0, 1)]}


def test_oldest_is_the_worst_of_all_queues() -> None:
    assert overview.oldest({"a": 3.0, "b": None, "c": 8.0}) == ("c", 8.0)
    assert overview.oldest({"b": None}) == ("", 0.0)


@pytest.mark.parametrize(
    ("page", "total", "real"), [(1, 0, 1), (0, 10, 1), (2, 50, 1), (2, 51, 2), (9000, 12_063, 242)]
)
def test_a_page_number_always_exists(page: int, total: int, real: int) -> None:
    assert jobs.clamp(page, total) == real


def test_wrong_passwords_cost_more_and_more() -> None:
    assert [backoff(n, 5, 300) for n in (0, 4, 5, 6, 8, 30, 10_000)] == [0, 0, 1, 2, 8, 300, 300]


@pytest.mark.parametrize(
    ("wanted", "path"),
    [("/inbox?show=mine&chat=1.c0", "/inbox?show=mine&chat=1.c0"), (None, "/"), ("", "/"), ("//evil.example", "/"),
     ("https://evil.example", "/"), ("/\\evil.example", "/"), ("/login?next=/", "/"), ("/a\r\nSet-Cookie: x", "/"),
     ('/"><script>', "/%22%3E%3Cscript%3E")],
)  # fmt: skip
def test_a_login_never_leads_to_another_site(wanted: str | None, path: str) -> None:
    assert safe_path(wanted) == path


@pytest.mark.parametrize(
    ("href", "found"),
    [("/inbox?show=all&chat=1.c0", ("inbox", {"show": "all", "chat": "1.c0"})), ("/jobs", ("jobs", {})),
     ("https://evil.example/jobs", None), ("javascript:alert(1)", None), ("/../../etc", None), (None, None),
     ("/jobs?" + "a" * 600, None)],
)  # fmt: skip
def test_links_lead_to_our_pages_only(href: str | None, found: object) -> None:
    assert links.target(href, {"inbox": "", "jobs": ""}) == found


def test_refreshes_slow_down_and_stop_when_nobody_is_there() -> None:
    assert [live.pace(2, idle) for idle in (0, 599, 600, 3599, 3600)] == [2, 2, 4, 4, None]


def test_every_sentence_can_be_filled() -> None:
    """No sentence has a brace that `t` could not fill."""
    for key, sentence in text.ENGLISH.items():
        names = re.findall(r"{(\w+)}", sentence)
        assert "{" not in text.t(key, **dict.fromkeys(names, "x")), key


class Tags(HTMLParser):
    """Collects what a browser would see as tags, and the text of bubbles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name in ("src", "srcset")]


hostile = st.text(max_size=60) | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onmouseover='x", "</div><style>", "&lt;b&gt;"]
)


@given(words=hostile, name=hostile, job=hostile, error=hostile, kind=hostile)
def test_no_text_of_a_customer_becomes_a_tag(words: str, name: str, job: str, error: str, kind: str) -> None:
    """Whatever stands in any field, the transcript holds only our own tags and no handlers."""
    entry = replace(
        ENTRY, dir="out", by=name, actor=name, text=words, quoted=words, job=job, error=error, state="failed", kind=kind
    )
    row = replace(ROW, label=name, preview=words, reason=error, agent=name, cid=job)

    page = transcript.html([entry, replace(ENTRY, text=words, kind="system")], now=1_700_000_100, zone=UTC)
    page += people.listing([row], now=200, show="all") + people.waiting_list([row], now=200) + people.head(row, "all")

    found = Tags(page)
    assert set(found.tags) <= {"div", "p", "span", "a", "time", "b", "i", "em", "nav"}
    assert not found.handlers


def test_ticks_name_every_delivery_state() -> None:
    """Never colour alone: each mark has its word."""
    for state in ("intent", "sending", "accepted", "sent", "delivered", "read", "played", "failed", "canceled"):
        assert f'aria-label="{state}"' in status.tick(state)


def test_a_message_nobody_has_redacted_yet_is_a_placeholder() -> None:
    assert "(new message)" in transcript.html([replace(ENTRY, text=None)], now=1_700_000_100, zone=UTC)
