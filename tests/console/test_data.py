"""The pure parts: words for numbers, who may write, series, pages, and HTML that nothing escapes from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC
from html import escape
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.conversations import commands
from common.conversations.rows import Bubble, ConversationRow, NumberState, Source, TranscriptEntry, TurnDetail
from common.graph.error_codes import RULES
from common.queueing.inspect import QueueSample, Sample
from console import text
from console.auth.password import backoff
from console.auth.routes import safe_path
from console.data import alarms, inbox, jobs, overview
from console.data import format as fmt
from console.data import turn as turn_data
from console.widgets import alarms as banners
from console.widgets import links, live, people, status, transcript
from console.widgets import turn as turn_panel
from console.words import spanish_foreign
from tests.conftest import ROOT

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


def test_every_language_has_all_words_with_the_same_names() -> None:
    """A sentence that one table lacks, or a name that another has not, would break a page in that language only."""
    def names(sentence: str) -> list[str]:
        return sorted(re.findall(r"{(\w+)}", sentence))

    english = text.LANGUAGES["en"]
    for lang, words in text.LANGUAGES.items():
        assert set(words) == set(english), lang
        assert {key: names(words[key]) for key in words} == {key: names(english[key]) for key in english}
        assert len(words["time.weekdays"].split()) == 7
        assert len(words["time.months"].split()) == 12
        assert text.OWN_NAMES[lang]


def test_every_word_of_the_tables_is_used() -> None:
    """What no page says any more is taken out."""
    source = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "console").rglob("*.py") if "words" not in p.parts)
    groups = ("inbox.show.", "inbox.empty.", "inbox.reply_", "jobs.column.", "jobs.empty.", "job.", "kind.", "owner.",
              "role.", "tick.", "turn.", "worker.")  # fmt: skip

    unused = [key for key in text.LANGUAGES["en"] if f'"{key}"' not in source and f"'{key}'" not in source]
    left = [key for key in unused if not key.startswith(groups)]

    assert left == ["inbox.close", "inbox.hand_back", "inbox.opt_in", "inbox.take_over"]  # names of actions


@pytest.fixture
def spanish() -> Iterator[None]:
    text.ask(lambda: "es")
    yield
    text.ask(lambda: "en")


@pytest.mark.usefixtures("spanish")
def test_numbers_days_and_times_are_written_as_in_spanish() -> None:
    assert fmt.number(12_063) == "12.063"
    assert fmt.number(11.424, 2) == "11,42"
    assert fmt.ago(190) == "hace 3 min"
    assert fmt.short(2) == "ahora"
    assert fmt.day_name(1_795_000_000, 1_795_325_000, UTC) == "mié 18 nov"
    assert status.job_badge("queued").endswith("en cola</span>")
    assert text.kind("something_new") == "Something new"


@pytest.mark.usefixtures("spanish")
@pytest.mark.parametrize(
    ("english", "said"),
    [("asked for a person: asesor", "pidió una persona: asesor"), ("taken over", "tomada"),
     ("Iván has this conversation.", "Iván tiene esta conversación."), ("something else", "something else"),
     ("the chat is now with: waiting", "el chat espera ahora a una persona"), ("", "")],
)  # fmt: skip
def test_reasons_of_other_parts_are_translated_where_known(english: str, said: str) -> None:
    assert text.said(english) == said


@pytest.mark.usefixtures("spanish")
def test_every_refusal_of_the_desk_and_every_error_code_is_spoken() -> None:
    """A new sentence or code there needs its words here."""
    assert not [sentence for sentence in commands._WHY_NOT.values() if text.said(sentence) == sentence]
    assert set(RULES) == set(spanish_foreign.META)
    assert text.meta(190) == ("el token de acceso venció o fue revocado", "Poner un WHATSAPP_ACCESS_TOKEN nuevo")
    assert text.meta(987654) is None
    (alarm,) = alarms.of_numbers([replace(NUMBER, blocked=True, reason="Graph error 190")], now=0)
    assert "Qué hacer: Poner" in alarm.advice


def test_an_unknown_language_is_english() -> None:
    assert text.language_of("xx", "es") == "es"
    assert text.language_of(None, "pt") == "en"
    assert text.language_of("es", "en") == "es"


def test_every_sentence_can_be_filled() -> None:
    """No sentence has a brace that `t` could not fill."""
    for lang, words in text.LANGUAGES.items():
        for key, sentence in words.items():
            names = re.findall(r"{(\w+)}", sentence)
            assert "{" not in text.t(key, lang=lang, **dict.fromkeys(names, "x")), key


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
    assert set(found.tags) <= {"div", "p", "span", "a", "time", "b", "i", "em", "nav", "small"}
    assert not found.handlers


@given(words=hostile, name=hostile, number=hostile)
def test_nothing_of_a_turn_or_an_alarm_becomes_a_tag(words: str, name: str, number: str) -> None:
    """Titles, prompts, reasons, models, step names: data, wherever they come from."""
    turn = replace(
        TURN, reason=words, prompt=words, provider=name, model=name, outcome=name, timings={name: 3.0},
        sources=[Source(name, words, 1.0, 0.5, False)],
    )  # fmt: skip
    lost = replace(SAID, text=words, kind=name, state="failed", error=words, why=words)
    state = NumberState(number, blocked=True, paused_until=0, reason=words)

    page = turn_panel.html(turn, [replace(ASKED, text=words)], [lost, replace(lost, state="canceled")], zone=UTC)
    page += turn_panel.message(lost, zone=UTC) + banners.html(alarms.of_numbers([state], now=0))

    found = Tags(page)
    ours = {"section", "header", "h2", "h3", "div", "p", "span", "time", "b", "i", "em", "s", "ol", "ul", "li", "dl",
            "dt", "dd"}  # fmt: skip
    assert set(found.tags) <= ours
    assert not found.handlers


@given(label=hostile, tail=hostile)
def test_a_job_s_contact_is_a_link_to_its_chat_and_nowhere_else(label: str, tail: str) -> None:
    """A customer's name stands in the fragment and cannot change where the link leads."""
    link = jobs.contact_of("default:1.c0", {"1.c0": (label, tail)})

    assert link
    assert link.startswith("/inbox?show=all&chat=1.c0#")
    assert re.fullmatch(r"[\w.~%-]*", link.partition("#")[2])
    assert jobs.contact_of("out:default:1.c0", {}) == "/inbox?show=all&chat=1.c0#c0"
    assert jobs.contact_of("", {}) is None


def test_ticks_name_every_delivery_state() -> None:
    """Never colour alone: each mark has its word."""
    for state in ("intent", "sending", "accepted", "sent", "delivered", "read", "played", "failed", "canceled"):
        assert f'aria-label="{text.word("tick", state)}"' in status.tick(state)
        assert text.word("tick", state)


def test_a_message_nobody_has_redacted_yet_is_a_placeholder() -> None:
    assert "New message. Its text appears" in transcript.html([replace(ENTRY, text=None)], now=1_700_000_100, zone=UTC)
    unseen = replace(ROW, preview="", unread=2)
    assert 'class="rv-new"' in people.listing([unseen], now=200, show="all")
    assert 'aria-label="2 unread"' in people.listing([unseen], now=200, show="all")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("*Crema: $ 48.900*\n_60 ml_, ~antes~", "<b>Crema: $ 48.900</b>\n<em>60 ml</em>, <s>antes</s>"),
        ("2*3*4 y nota_de_pago_1", "2*3*4 y nota_de_pago_1"),
        ("* no * _ ~ **nada**", "* no * _ ~ **nada**"),
        ("<b>*sí*</b>", "&lt;b&gt;<b>sí</b>&lt;/b&gt;"),
    ],
)
def test_a_bubble_is_marked_up_as_on_the_phone(sent: str, shown: str) -> None:
    """Bold, italic and struck out, as WhatsApp reads its marks; no other tag, and no mark inside of a word."""
    assert transcript.rich(sent) == shown


@given(st.text(alphabet="*_~<>&\"' a\n"))
def test_marks_never_let_a_tag_through(sent: str) -> None:
    """Whatever is sent, the tags are ours and close in order; without them the escaped text is what it was."""
    shown, before = transcript.rich(sent), ""
    bare = re.sub(r"</?(?:b|em|s)>", "", shown)
    while shown != before:
        shown, before = re.sub(r"<(b|em|s)>[^<]*</\1>", "", shown), shown
    assert "<" not in shown
    assert not re.search("[<>]", bare)
    assert re.sub("[*_~]", "", bare) == re.sub("[*_~]", "", escape(sent))


def test_a_line_stands_above_what_is_new() -> None:
    """Above the last two messages of the customer, whatever stands between them."""
    entries = [replace(ENTRY, mid=f"m-{n}", dir=way) for n, way in enumerate(("in", "in", "out", "in"))]

    page = transcript.html(entries, now=1_700_000_100, zone=UTC, unread=2)

    assert page.index('data-mid="m-0"') < page.index("2 new") < page.index('data-mid="m-1"')
    assert "new</span>" not in transcript.html(entries, now=1_700_000_100, zone=UTC, unread=9)


def test_a_failed_bubble_says_what_the_code_means_and_what_to_do() -> None:
    """A number alone helps nobody; an unknown code keeps Meta's words."""
    known = replace(ENTRY, dir="out", state="failed", error="Re-engagement message", error_code=131047)
    unknown = replace(known, error="Something odd.", error_code=987654)

    assert transcript.why_failed(known) == (
        "Not delivered: more than 24 hours since the customer wrote. Send a template, or wait until they write "
        "(error 131047)."
    )
    assert transcript.why_failed(unknown) == "Not delivered: Something odd (error 987654)."
    assert transcript.why_failed(replace(known, error="", error_code=None)) == (
        "Not delivered: WhatsApp did not say why."
    )


def test_the_list_says_why_somebody_waits() -> None:
    waiting = replace(ROW, owner="waiting", reason="asked for a person: asesor")

    assert "<small>asked for a person: asesor</small>" in people.listing([waiting], now=200, show="waiting")
    assert "<small>" not in people.listing([replace(waiting, owner="bot")], now=200, show="bot")


NUMBER = NumberState("1065", blocked=False, paused_until=0.0, reason="")


def test_a_refused_number_is_red_and_a_resting_one_calm() -> None:
    """Red names the reason and the way out; amber says that nothing needs to be done; short rests are silent."""
    refused = replace(
        NUMBER, blocked=True, reason="Graph error 190 (HTTP 401): access token expired. Set a new one. (trace Ab)"
    )
    resting = replace(NUMBER, phone_number_id="2", paused_until=1_300.0, reason="Graph error 130429 (HTTP 429): slow.")

    red, amber = alarms.of_numbers([resting, refused, NUMBER, replace(resting, paused_until=1_009.0)], now=1_000.0)

    assert (red.tone, red.title) == ("red", "WhatsApp refuses number 1065: access token expired or revoked (190).")
    assert red.advice.endswith("What to do: Set a new WHATSAPP_ACCESS_TOKEN.")
    assert amber.tone == "orange"
    assert amber.title == "Number 2 rests for 5 min: throughput of the number reached (130429)."


def test_a_refusal_without_a_known_code_still_says_what_to_do() -> None:
    (one,) = alarms.of_numbers([replace(NUMBER, blocked=True, reason="odd <b>words</b>.")], now=0)

    assert one.title == "WhatsApp refuses number 1065: odd <b>words</b>."
    assert "WhatsApp Manager" in one.advice
    assert "<b>words" not in banners.html([one])


@pytest.mark.parametrize(
    ("memory", "allowed", "found"),
    [
        ({"used_memory": 89, "maxmemory": 100, "maxmemory_policy": "noeviction"}, False, 0),
        ({"used_memory": 91 << 20, "maxmemory": 100 << 20, "maxmemory_policy": "noeviction"}, False, 1),
        ({"used_memory": 91, "maxmemory": 0, "maxmemory_policy": "noeviction"}, False, 0),
        ({"used_memory": 91, "maxmemory": 100, "maxmemory_policy": "allkeys-lru"}, False, 2),
        ({"used_memory": 9, "maxmemory": 100, "maxmemory_policy": "allkeys-lru"}, True, 0),
        ({}, False, 0),
    ],
)
def test_redis_alarms_before_it_is_full_and_when_it_may_drop_data(
    memory: dict[str, object], allowed: bool, found: int
) -> None:
    """Each says what to do."""
    alarmed = alarms.of_redis(memory, allow_eviction=allowed)

    assert len(alarmed) == found
    assert all("What to do" in one.advice for one in alarmed)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("worker.1", "worker.1"), ("relevo.4101.a1b2", "relevo.4101"), ("w-1.example.org.77.ab", "w-1.77"),
     ("relevo-worker-7d9f8b6c5-x2x9k.4101.a1b2", "…b6c5-x2x9k.4101"), ("x" * 40, "…" + "x" * 10)],
)  # fmt: skip
def test_a_worker_is_named_by_host_and_process(name: str, shown: str) -> None:
    """Of a long host the end stays: it is what differs."""
    assert fmt.worker(name) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0001, "0.1 ms"), (0.0041, "4.1 ms"), (0.096, "96 ms"), (1.34, "1.3 s"), (24, "24 s"), (190, "3 min 10 s"),
     (-1, "0.0 ms")],
)  # fmt: skip
def test_steps_are_told_as_exactly_as_they_matter(seconds: float, shown: str) -> None:
    assert fmt.precise(seconds) == shown


ASKED = Bubble(
    mid="m-1", dir="in", kind="text", text="hola", state="answered", at=99.0, received_at=100.0, accepted_at=0.0,
    sent_at=0.0, delivered_at=0.0, read_at=0.0, failed_at=0.0, error="", error_code=None, why="",
)  # fmt: skip
SAID = replace(ASKED, mid="o-1", dir="out", at=103.0, received_at=0.0, accepted_at=103.1, sent_at=104.0,
               delivered_at=105.0, read_at=120.0, state="read")  # fmt: skip
TURN = TurnDetail(
    turn="t-1", conversation="1.c0", job="wa-1", state="done", outcome="answered", reason="", messages=["m-1"],
    parts=["o-1"], prompt="hola", lang="es", sources=[Source("a", "Envíos", 11.4, 0.87, True)], provider="openai",
    model="gpt", confidence=0.9, tokens_in=412, tokens_out=38, latency_ms=700.0,
    timings={"retrieve": 4.0, "generate": 1996.0}, at=103.0, done_at=103.2,
)  # fmt: skip


def test_a_turn_s_time_is_told_from_question_to_phone() -> None:
    """Waiting, deciding, handing over, travelling; the parts add up to the whole."""
    hops = [(hop.name, round(hop.seconds, 3)) for hop in turn_data.hops(TURN, [ASKED], [SAID])]
    steps = [(step.name, round(step.ms)) for step in turn_data.steps(TURN, [SAID])]

    assert hops == [("waited", 1.0), ("thought", 2.0), ("posted", 0.1), ("travelled", 1.9)]
    assert steps == [("retrieve", 4), ("generate", 1996), ("deliver", 100)]
    assert [(m.name, m.after and round(m.after, 1)) for m in turn_data.way(SAID)] == [
        ("accepted", None), ("sent", 0.9), ("delivered", 1.0), ("read", 15.0)
    ]  # fmt: skip


def test_a_turn_s_time_survives_clocks_that_disagree() -> None:
    """What would be negative is left out, never shown as nonsense."""
    early = replace(SAID, accepted_at=90.0, sent_at=89.0, delivered_at=80.0)

    assert [hop.name for hop in turn_data.hops(TURN, [replace(ASKED, received_at=500.0)], [early])] == ["thought"]
    assert all((mark.after or 0) >= 0 for mark in turn_data.way(early))
    assert turn_data.hops(replace(TURN, timings={}, at=0.0), [], []) == []


def test_the_turn_panel_tells_the_whole_story() -> None:
    page = turn_panel.html(TURN, [ASKED], [SAID], zone=UTC)

    for said in ("Envíos", "score 11.40", "87 %", "used", "openai · gpt", "412 read, 38 written", "700 ms", "answered",
                 "5.0 s from question to reply", "read +15 s", "search knowledge"):  # fmt: skip
        assert said in page, said
    assert "Question, as the model sees it" not in page
    assert "[correo]" in turn_panel.html(replace(TURN, prompt="[correo]"), [ASKED], [SAID], zone=UTC)
