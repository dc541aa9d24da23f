"""The simulator's pure parts: what Meta accepts, its limits, its statuses and its webhook bytes."""

from __future__ import annotations

import hashlib
import hmac
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.graph.simulator.failures import GraphFailure
from common.graph.simulator.faults import PRESETS, Faults
from common.graph.simulator.limits import NumberLimiter, PairLimiter
from common.graph.simulator.media import MediaStore
from common.graph.simulator.options import Behaviour, ControlError, Options
from common.graph.simulator.samples import KINDS, Scene, sample
from common.graph.simulator.state import State
from common.graph.simulator.statuses import plan, status_parts
from common.graph.simulator.validation import check_message, check_product, recipient
from common.graph.simulator.webhooks import Customer, encode, signed_headers


def buttons(count: int, title: str = "Título", **more: object) -> dict:
    rows = [{"type": "reply", "reply": {"id": f"b{i}", "title": f"{title}{i}"}} for i in range(count)]
    return {"type": "button", "body": {"text": "Elige"}, "action": {"buttons": rows}, **more}


def rows(count: int, **row: object) -> dict:
    sections = [{"title": "S", "rows": [{"id": f"r{i}", "title": f"Fila {i}", **row} for i in range(count)]}]
    return {"type": "list", "body": {"text": "Elige"}, "action": {"button": "Ver", "sections": sections}}


GOOD = [
    {"type": "text", "text": {"body": "x" * 4096, "preview_url": True}},
    {"text": {"body": "type is text when it is missing"}},
    {"type": "image", "image": {"link": "https://shop.example/a.png", "caption": "c" * 1024}},
    {"type": "audio", "audio": {"id": "123", "voice": True}},
    {"type": "document", "document": {"id": "123", "filename": "a.pdf"}},
    {"type": "sticker", "sticker": {"id": "123"}},
    {"type": "location", "location": {"latitude": 4.6, "longitude": "-74.1", "name": "Aquí"}},
    {"type": "contacts", "contacts": [{"name": {"formatted_name": "Ana"}, "phones": [{"phone": "1"}]}]},
    {"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": ""}},
    {"type": "template", "template": {"name": "hola", "language": {"code": "es"}}},
    {"type": "interactive", "interactive": buttons(3, footer={"text": "f" * 60}, header={"type": "text", "text": "h"})},
    {"type": "interactive", "interactive": rows(10, description="d" * 72)},
    {"type": "interactive", "interactive": {"type": "cta_url", "body": {"text": "Mira"}, "action": {
        "name": "cta_url", "parameters": {"display_text": "Abrir", "url": "https://shop.example"}}}},
    {"type": "text", "text": {"body": "x"}, "biz_opaque_callback_data": "o" * 512},
    {"type": "text", "text": {"body": "x"}, "context": {"message_id": "wamid.x"}},
]  # fmt: skip

BAD = [
    (100, {"type": "poll", "poll": {}}),
    (100, {"type": ["text"], "text": {"body": "x"}}),
    (100, {"type": "text"}),
    (100, {"type": "text", "text": "x"}),
    (100, {"type": "text", "text": {"body": "  "}}),
    (100, {"type": "text", "text": {"body": "x" * 4097}}),
    (100, {"type": "text", "text": {"body": "x"}, "biz_opaque_callback_data": "o" * 513}),
    (100, {"type": "text", "text": {"body": "x"}, "recipient_type": "crowd"}),
    (131009, {"type": "text", "text": {"body": "x"}, "context": {}}),
    (131009, {"type": "image", "image": {"id": "1", "caption": "c" * 1025}}),
    (100, {"type": "image", "image": {"id": "1", "link": "https://a.example/x"}}),
    (100, {"type": "image", "image": {}}),
    (100, {"type": "image", "image": {"link": "/relative.png"}}),
    (100, {"type": "image", "image": {"id": "not a media id"}}),
    (100, {"type": "audio", "audio": {"id": "1", "caption": "no captions here"}}),
    (131009, {"type": "location", "location": {"latitude": 91, "longitude": 0.5}}),
    (131008, {"type": "location", "location": {"latitude": 1}}),
    (131008, {"type": "contacts", "contacts": []}),
    (131008, {"type": "contacts", "contacts": [{"phones": []}]}),
    (131008, {"type": "reaction", "reaction": {"emoji": "👍"}}),
    (131009, {"type": "reaction", "reaction": {"message_id": "w", "emoji": "👍"}, "context": {"message_id": "w"}}),
    (131008, {"type": "template", "template": {"name": "hola"}}),
    (131009, {"type": "interactive", "interactive": buttons(4)}),
    (131009, {"type": "interactive", "interactive": buttons(1, title="t" * 20)}),
    (131009, {"type": "interactive", "interactive": buttons(1, footer={"text": "f" * 61})}),
    (131009, {"type": "interactive", "interactive": buttons(1, body={"text": "b" * 1025})}),
    (131008, {"type": "interactive", "interactive": {**buttons(1), "body": None}}),
    (131009, {"type": "interactive", "interactive": rows(11)}),
    (131009, {"type": "interactive", "interactive": rows(2, id="same")}),
    (131009, {"type": "interactive", "interactive": rows(1, title="t" * 25)}),
    (131009, {"type": "interactive", "interactive": rows(1, description="d" * 73)}),
    (131009, {"type": "interactive", "interactive": {**buttons(1), "type": "carousel-of-mine"}}),
    (131008, {"type": "interactive", "interactive": {"type": "button", "body": {"text": "x"}}}),
]  # fmt: skip


@pytest.mark.parametrize("body", GOOD)
def test_a_message_at_metas_limits_is_accepted(body):
    """The limits themselves are inside."""
    check_message(body)


@pytest.mark.parametrize(("code", "body"), BAD)
def test_a_message_past_metas_limits_is_refused_with_metas_code(code, body):
    """Each refusal has its code, and says which parameter."""
    with pytest.raises(GraphFailure) as refused:
        check_message(body)
    assert refused.value.code == code
    assert refused.value.details or "(#100)" in refused.value.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(body=st.dictionaries(st.sampled_from(["type", "text", "image", "context", "to", "recipient", "status"]), JSON)
       | st.builds(lambda kind, part: {"type": kind, kind: part},
                   st.sampled_from(["text", "image", "location", "contacts", "interactive", "template"]), JSON)
       | st.builds(lambda kind, action: {"type": "interactive", "interactive": {
           "type": kind, "body": {"text": "x"}, "action": action}},
                   st.sampled_from(["button", "list", "cta_url", "flow"]),
                   st.dictionaries(st.sampled_from(["buttons", "sections", "button", "parameters", "name"]), JSON)))
def test_no_body_however_mad_breaks_the_checks(body):
    """Graph refuses; it does not crash."""
    for check in (check_message, recipient, check_product):
        try:
            check(body)
        except GraphFailure as refused:
            json.dumps(refused.body("trace"))


def test_to_wins_over_recipient_and_is_normalised():
    """Plus, spaces and dashes do not matter; a BSUID goes into recipient."""
    assert recipient({"to": "+57 300-111 2233", "recipient": "CO.123"}) == ("573001112233", None)
    assert recipient({"recipient": "US.ENT.13491208655302741918"}) == (None, "US.ENT.13491208655302741918")
    for bad in ({}, {"to": "ana"}, {"to": 573001112233}, {"recipient": "573001112233"}, {"recipient": "co.1"}):
        with pytest.raises(GraphFailure):
            recipient(bad)


def test_a_number_sends_eighty_a_second_and_inbound_counts():
    """A bucket of one second, refilled steadily; what customers write is never refused, but drinks from it."""
    bucket = NumberLimiter()
    assert sum(bucket.take("n", 100.0, 80) for _ in range(100)) == 80
    assert sum(bucket.take("n", 100.5, 80) for _ in range(100)) == 40
    assert bucket.take("other", 100.5, 80)
    for _ in range(80):
        assert bucket.take("n", 200.0, 80, always=True)
    assert not bucket.take("n", 200.0, 80)


def test_a_pair_has_45_at_once_and_then_one_in_six_seconds():
    """Other recipients are not touched by it."""
    pairs = PairLimiter()
    rules = {"burst": 45, "seconds": 6.0, "debt": False}
    assert sum(pairs.take(("n", "a"), 0.0, **rules) for _ in range(60)) == 45
    assert not pairs.take(("n", "a"), 5.9, **rules)
    assert pairs.take(("n", "a"), 6.0, **rules)
    assert not pairs.take(("n", "a"), 6.1, **rules)
    assert pairs.take(("n", "b"), 6.1, **rules)


def test_a_burst_with_debt_is_followed_by_silence():
    """As Meta's text has it: 20 messages at once, then nothing for two minutes."""
    pairs = PairLimiter()
    rules = {"burst": 45, "seconds": 6.0, "debt": True}
    assert all(pairs.take(("n", "a"), 0.1 * i, **rules) for i in range(20))
    assert not pairs.take(("n", "a"), 119.9, **rules)
    assert pairs.take(("n", "a"), 120.0, **rules)


def test_statuses_come_in_order_unless_told_otherwise():
    """sent, delivered, read at the set delays; shuffled, skipped and played when asked."""
    rng = random.Random(1)
    calm = Behaviour(jitter=0.0)
    assert [(s.after, s.state) for s in plan(calm, rng)] == [(0.05, "sent"), (0.15, "delivered"), (1.0, "read")]
    assert [s.state for s in plan(calm, rng, voice=True)][-1] == "played"
    assert [s.state for s in plan(Behaviour(auto_read=False), rng)] == ["sent", "delivered"]
    assert [s.state for s in plan(Behaviour(skip_delivered=1.0), rng)] == ["sent", "read"]
    shuffled = plan(Behaviour(shuffle=1.0), rng)
    assert [s.state for s in shuffled] != ["sent", "delivered", "read"]
    assert sorted(s.after for s in shuffled) == [s.after for s in shuffled]


def test_a_status_echoes_our_id_and_prices_but_has_no_conversation():
    """As in Graph v24 and later; a failed one has errors and no contacts."""
    ana = Customer("Ana", "573001112233", "CO.1")
    rng = random.Random(1)
    common = {"wamid": "w", "customer": ana, "at": 5.9, "opaque": "default:m-1", "category": "service", "rng": rng}
    sent = status_parts(plan(Behaviour(), rng)[0], contacts="full", **common)
    item = sent["statuses"][0]
    assert item["biz_opaque_callback_data"] == "default:m-1"
    assert item["pricing"] == {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "service"}
    assert item["timestamp"] == "5"
    assert "conversation" not in item
    assert sent["contacts"] == [{"profile": {"name": "Ana"}, "wa_id": "573001112233", "user_id": "CO.1"}]


def test_webhook_bytes_are_ascii_with_escaped_slashes_and_signed():
    """What is signed is what is on the wire: é as \\u00e9, / as \\/."""
    body = encode({"text": "¿Café en https://a.example/é? 👋"})
    assert body.isascii()
    assert b"https:\\/\\/a.example\\/\\u00e9" in body
    assert json.loads(body) == {"text": "¿Café en https://a.example/é? 👋"}
    expected = hmac.new(b"s", body, hashlib.sha256).hexdigest()
    assert signed_headers(body, "s")["X-Hub-Signature-256"] == f"sha256={expected}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_sample_is_a_message_of_its_type(kind):
    """Each has a type, its object, and JSON all through."""
    media = MediaStore("key").samples
    message = sample(kind, Scene(media, "15550100000", "wamid.own", "wamid.their", "573001112233", "CO.1"))
    assert message["type"] in message
    json.dumps(message)


def test_wamids_never_repeat_and_seeded_ones_are_the_same_on_every_run():
    """Two runs must not collide in an app that remembers; a seed is for comparing runs."""
    first, second = State(Options()), State(Options())
    ids = [first.new_wamid("573001112233") for _ in range(500)] + [second.new_wamid("573001112233") for _ in range(500)]
    assert len(set(ids)) == 1_000
    assert State(Options(seed=7)).new_wamid("1") == State(Options(seed=7)).new_wamid("1")


def fired(faults: Faults, calls: int, **call: object) -> list[bool]:
    return [faults.pick("messages", call) is not None for _ in range(calls)]


def test_fault_rules_count_next_every_and_always():
    """next N, every Nth, after some that go well, and for one recipient only."""
    faults = Faults()
    faults.add({"preset": "500", "times": 2, "skip": 1})
    assert fired(faults, 5) == [False, True, True, False, False]
    faults.clear()
    faults.add({"preset": "500", "every": 3})
    assert fired(faults, 6) == [False, False, True] * 2
    faults.clear()
    faults.add({"preset": "500", "always": True, "match": {"to": "+573001112233"}})
    assert fired(faults, 2, to="573001112233") == [True, True]
    assert fired(faults, 1, to="573009999999") == [False]
    assert faults.rules[0].hits == 2


def test_a_fault_can_be_any_code_status_and_retry_after():
    """Presets are a start; each of their parts can be set."""
    faults = Faults()
    fault = faults.add({"code": 130429, "status": 429, "retry_after": 3}).fault
    assert (fault.failure().status, fault.failure().headers) == (429, {"Retry-After": "3"})
    assert faults.add({"preset": "hang", "seconds": 0.5}).fault.seconds == 0.5


@pytest.mark.parametrize("spec", [
    {}, [], "500", {"preset": "no such"}, {"code": True}, {"preset": "500", "typo": 1}, {"preset": "500", "times": -1},
    {"preset": "500", "endpoint": "nowhere"}, {"preset": "500", "match": "x"},
])  # fmt: skip
def test_a_senseless_fault_is_refused_with_a_reason(spec):
    """A typo in a test must not make it pass."""
    with pytest.raises(ControlError):
        Faults().add(spec)


def test_every_preset_can_be_added():
    """The list that /_sim/health shows is the list that works."""
    faults = Faults()
    for name in PRESETS:
        assert faults.add({"preset": name}).preset == name


@pytest.mark.parametrize("patch", [
    [], {"typo": 1}, {"statuses": "yes"}, {"number_rate": "fast"}, {"pair_burst": 1.5}, {"window_error": "later"},
    {"read_seconds": -1}, {"rate_limit_status": 500}, {"number_rate": float("nan")},
])  # fmt: skip
def test_a_senseless_setting_is_refused_with_a_reason(patch):
    """Unknown names and wrong kinds change nothing."""
    with pytest.raises(ControlError):
        Behaviour().merged(patch)
