"""Whatever stands in a webhook body, reading it neither fails nor loses what can be read."""

from __future__ import annotations

import copy
import json

import orjson
from hypothesis import given
from hypothesis import strategies as st

from common.channels.whatsapp.body import NotJson, decode
from common.channels.whatsapp.payload import parse
from common.messages import Echo, InboundMessage, OtherUpdate, StatusUpdate
from tests.webhook_bodies import FILES, body_of, status_of, text_message, value_of

NOW = 1_800_000_000.0
BODIES = [orjson.loads(path.read_bytes()) for path in FILES]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip
NAMES = [
    "from", "from_user_id", "id", "timestamp", "type", "text", "context", "errors", "interactive", "image", "order",
    "contacts", "reaction", "edit", "system", "group_id", "status", "pricing", "biz_opaque_callback_data",
]  # fmt: skip
#: Objects with the names of the field and values of any shape.
items = st.dictionaries(st.sampled_from(NAMES), anything | st.sampled_from(["text", "edit", "image", "1", "US.1"]))


def check(updates):
    """Every update is whole: right types, and storable when the body was."""
    assert updates
    for update in updates:
        match update:
            case InboundMessage() | Echo():
                person = update.sender if isinstance(update, InboundMessage) else update.recipient
                assert update.wamid
                assert person.wa_id or person.user_id
                assert 0 < update.sent_at <= NOW
                assert update.text is None or update.text.strip()
            case StatusUpdate():
                assert update.wamid
                assert 0 < update.at <= NOW
            case OtherUpdate():
                assert update.kind
                assert len(update.dedup) == 32


@given(anything)
def test_any_json_is_read_without_an_error(body):
    """Shapes, surrogates, huge numbers: always a list of updates, never an exception."""
    check(parse(body, received=NOW))


@given(st.lists(items | anything, max_size=6), st.lists(items | anything, max_size=6), anything)
def test_any_items_are_read_without_an_error_and_counted(messages, statuses, contacts):
    """As many updates come out as items went in."""
    updates = parse(body_of(value_of(messages=messages, statuses=statuses, contacts=contacts)), received=NOW)

    check(updates)
    assert len(updates) == max(1, len(messages) + len(statuses))


@given(items | anything, st.integers(0, 2))
def test_a_bad_item_never_loses_its_siblings(bad, position):
    """Good messages and statuses around it come out whole and in order."""
    good = [text_message("wamid.a"), text_message("wamid.b")]
    states = [status_of("wamid.c"), status_of("wamid.d")]
    mixed = [*good[:position], bad, *good[position:]]
    mixed_states = [*states[:position], bad, *states[position:]]

    updates = parse(body_of(value_of(messages=mixed, statuses=mixed_states)), received=NOW)

    found = [u.wamid for u in updates if isinstance(u, InboundMessage | StatusUpdate) and u.wamid.startswith("wamid.")]
    assert found == ["wamid.a", "wamid.b", "wamid.c", "wamid.d"]


@given(st.sampled_from(BODIES), st.data())
def test_a_real_body_with_one_place_changed_is_read_without_an_error(body, data):
    """Any value of a real body replaced by anything, or removed."""
    body = copy.deepcopy(body)
    node, spots = body, []
    while isinstance(node, dict | list) and node:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        spots.append((node, key))
        node = node[key]
    holder, key = data.draw(st.sampled_from(spots))
    if data.draw(st.booleans()):
        holder[key] = data.draw(anything)
    else:
        del holder[key]

    check(parse(body, received=NOW))


@given(anything)
def test_reading_twice_gives_the_same_digests(body):
    """Dedup is by content alone."""
    first = [u.dedup for u in parse(body, received=NOW) if isinstance(u, OtherUpdate)]
    later = [u.dedup for u in parse(copy.deepcopy(body), received=NOW + 5) if isinstance(u, OtherUpdate)]

    assert first == later


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_json_or_refused(raw):
    """And what was taken can be written again, with all that is read in it."""
    try:
        body = decode(raw)
    except NotJson:
        return
    for update in parse(body, received=NOW):
        orjson.dumps(update.raw)


@given(anything)
def test_what_any_writer_of_json_can_write_is_taken(value):
    """Python's own writer allows lone surrogates and integers of any length."""
    try:
        raw = json.dumps(value, allow_nan=False).encode()
    except ValueError:
        return  # NaN and infinities are no JSON
    orjson.dumps(decode(raw))
