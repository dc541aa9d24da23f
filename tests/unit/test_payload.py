"""Reading webhook bodies: envelope, people, types, statuses, other updates."""

from __future__ import annotations

import orjson
import pytest

from common.channels.whatsapp.body import NotJson, decode
from common.channels.whatsapp.payload import parse
from common.messages import Echo, InboundMessage, Media, OtherUpdate, Sender, StatusUpdate
from tests.webhook_bodies import NUMBER, body_of, message_of, read, status_of, text_message, value_of

NOW = 1_800_000_000.0


def one(body):
    (update,) = parse(body, received=NOW)
    return update


def message(item, contacts=None):
    value = value_of(messages=[item]) if contacts is None else value_of(messages=[item], contacts=contacts)
    return one(body_of(value))


# --- envelope ---------------------------------------------------------------------------------------------------


def test_every_entry_change_and_item_is_read_in_order():
    """Several entries, changes, messages, statuses and errors in one POST all come out."""
    first = body_of(
        value_of(messages=[text_message("wamid.1"), text_message("wamid.2")], statuses=[status_of("wamid.out")]),
        value_of(messages=[text_message("wamid.3")]),
    )
    second = body_of(value_of(errors=[{"code": 130429}, {"code": 0}]))
    body = first | {"entry": first["entry"] + second["entry"]}

    updates = parse(body, received=NOW)

    assert [getattr(u, "wamid", u.__class__) for u in updates] == [
        "wamid.1", "wamid.2", "wamid.out", "wamid.3", OtherUpdate, OtherUpdate,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [None, True, 7, "text", [], {}, {"entry": None}, {"entry": {}}, {"entry": []}, {"object": "page", "entry": []}],
    ids=repr,
)
def test_a_body_of_no_known_shape_becomes_one_other_update(body):
    """It is kept raw, and told apart by its digest."""
    update = one(body)

    assert isinstance(update, OtherUpdate)
    assert update.kind in {"malformed", "empty", "foreign_object"}
    assert update.raw["item"] == body


@pytest.mark.parametrize("entry", [None, 3, "x", [], {}, {"changes": 1}, {"messaging": []}], ids=repr)
def test_a_broken_entry_keeps_its_siblings(entry):
    """What can be read beside it is read."""
    body = body_of(value_of(messages=[text_message("wamid.1")]))
    body["entry"].insert(0, entry)

    broken, good = parse(body, received=NOW)

    assert broken.kind == "malformed"
    assert good.wamid == "wamid.1"


@pytest.mark.parametrize("item", [None, 3, "x", [], [[]]], ids=repr)
def test_a_broken_message_keeps_its_siblings(item):
    """A message that is no object is stored as malformed between the good ones."""
    updates = parse(body_of(value_of(messages=[text_message("wamid.1"), item, text_message("wamid.2")])), received=NOW)

    assert [u.wamid if isinstance(u, InboundMessage) else u.kind for u in updates] == [
        "wamid.1", "malformed", "wamid.2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        ({"id": None}, "stray_message"),
        ({"id": ""}, "stray_message"),
        ({"id": 5}, "stray_message"),
        ({"id": "w" * 513}, "stray_message"),
        ({"from": None}, "stray_message"),
        ({"from": ""}, "stray_message"),
        ({"from": {}}, "stray_message"),
    ],
    ids=repr,
)
def test_a_message_without_id_or_sender_is_stray(broken, kind):
    """It can be neither told apart nor answered, but it is kept."""
    update = message(text_message("wamid.1") | broken)

    assert isinstance(update, OtherUpdate)
    assert update.kind == kind


def test_an_unknown_field_is_kept_under_its_name():
    """Fields that Meta adds later are stored, one update a change."""
    assert one(body_of({"a": 1}, field="group_lifecycle_update")).kind == "group_lifecycle_update"


@pytest.mark.parametrize("field", ["Weird Field", "x" * 65, 5, "", "<b>"], ids=repr)
def test_a_field_that_is_no_name_is_called_unknown_field(field):
    """The kind becomes a label of counters: it must be like one."""
    assert one(body_of({"a": 1}, field=field)).kind == "unknown_field"


def test_a_change_without_field_but_with_a_messages_value_is_read():
    """Some relays drop `field`."""
    body = body_of(value_of(messages=[text_message("wamid.1")]))
    del body["entry"][0]["changes"][0]["field"]

    assert one(body).wamid == "wamid.1"


def test_parts_of_a_value_that_are_not_known_are_kept():
    """`user_actions` and what comes after it is stored beside the messages."""
    updates = parse(body_of(value_of(messages=[text_message("wamid.1")], user_actions=[{"x": 1}])), received=NOW)

    assert [u.kind for u in updates] == ["text", "user_actions"]


def test_an_empty_messages_change_is_counted_as_empty():
    """Nothing that came is dropped silently."""
    assert one(body_of(value_of(messages=[]))).kind == "empty"


# --- other updates ----------------------------------------------------------------------------------------------


def test_the_same_item_has_the_same_digest_however_its_keys_are_ordered():
    """A redelivery, re-batched and re-serialised, is recognised."""
    first = one(body_of(value_of(errors=[{"code": 1, "title": "t"}])))
    again = one(body_of(value_of(errors=[{"title": "t", "code": 1}])))
    different = one(body_of(value_of(errors=[{"title": "t", "code": 2}])))

    assert first.dedup == again.dedup != different.dedup


def test_the_same_news_of_another_account_is_another_update():
    """The account is part of the digest."""
    body = body_of({"decision": "APPROVED"}, field="account_review_update")
    second = body_of({"decision": "APPROVED"}, field="account_review_update")
    second["entry"][0]["id"] = "999"

    assert one(body).dedup != one(second).dedup


def test_preferences_come_one_by_one():
    """Each person's stop or resume is an update of its own."""
    people = [{"wa_id": "1", "value": "stop"}, {"wa_id": "2", "value": "resume"}]

    updates = parse(body_of(value_of(user_preferences=people), field="user_preferences"), received=NOW)

    assert [(u.kind, u.phone_number_id, u.raw["item"]) for u in updates] == [
        ("user_preferences", NUMBER, people[0]), ("user_preferences", NUMBER, people[1]),
    ]  # fmt: skip


# --- people -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "contacts", "sender"),
    [
        ({}, None, Sender("16505551234")),
        ({"from": "+1 650-555-1234"}, None, Sender("16505551234")),
        (
            {},
            [{"profile": {"name": "Ana"}, "wa_id": "16505551234", "user_id": "US.1"}],
            Sender("16505551234", "US.1", name="Ana"),
        ),
        ({"from": "US.1234"}, None, Sender(user_id="US.1234")),
        (
            {"from": "US.1234", "from_user_id": "US.1234"},
            [{"wa_id": "US.1234", "user_id": "US.1234"}],
            Sender(user_id="US.1234"),
        ),
        (
            {"from": "", "from_user_id": "US.9", "from_parent_user_id": "US.ENT.5"},
            None,
            Sender(None, "US.9", "US.ENT.5"),
        ),
        ({"from": "same", "from_user_id": "same"}, None, Sender(user_id="same")),
        (
            {"from": None},
            [{"profile": {"name": "Ana", "username": "@ana"}, "wa_id": "57300"}],
            Sender("57300", name="Ana", username="ana"),
        ),
        ({"from": None}, [{"wa_id": ""}], None),
        ({}, [{"profile": {"name": "Eva"}, "wa_id": "999", "user_id": "US.999"}], Sender("16505551234", name="Eva")),
        (
            {"from_user_id": "US.2"},
            [{"wa_id": "16505551234", "user_id": "US.1"}, {"profile": {"name": "B"}, "wa_id": "0", "user_id": "US.2"}],
            Sender("16505551234", "US.2", name="B"),
        ),
        ({}, [{"profile": {"name": "  "}, "wa_id": "16505551234"}], Sender("16505551234")),
        ({}, "no list", Sender("16505551234")),
        ({}, [None, 4, {"profile": "x", "wa_id": 5}], Sender("16505551234")),
    ],
)
def test_who_wrote_is_read_from_message_and_contacts(item, contacts, sender):
    """User id before phone, blanks are absent, ids of another contact are never mixed in."""
    update = message(text_message("wamid.1") | item, contacts)

    assert getattr(update, "sender", None) == sender


def test_a_lone_contact_gives_no_name_to_several_senders():
    """With more than one message, a contact with another id is somebody else."""
    items = [text_message("wamid.1"), text_message("wamid.2", **{"from": "222"})]

    updates = parse(
        body_of(value_of(messages=items, contacts=[{"profile": {"name": "Ana"}, "wa_id": "222"}])), received=NOW
    )

    assert [u.sender.name for u in updates] == [None, "Ana"]


def test_a_system_note_without_sender_is_of_the_person_it_names():
    """user_changed_user_id names the person inside `system` only."""
    item = message_of("system", {"body": "changed", "type": "user_changed_user_id", "user_id": "US.7"})
    del item["from"]

    update = message(item)

    assert (update.kind, update.sender, update.opens_window) == ("system", Sender(user_id="US.7"), False)


# --- types ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "kind", "text"),
    [
        (message_of("text", {"body": "  "}), "text", None),
        (message_of("text", {"body": 5}), "text", None),
        (message_of("text", "words"), "text", None),
        (message_of("text"), "text", None),
        (message_of("button", {"payload": "YES"}), "button", "YES"),
        (
            message_of("interactive", {"type": "list_reply", "list_reply": {"id": "1", "title": "Crema"}}),
            "interactive",
            "Crema",
        ),
        (
            message_of("interactive", {"type": "nfm_reply", "nfm_reply": {"response_json": "not json"}}),
            "interactive",
            None,
        ),
        (
            message_of("interactive", {"type": "nfm_reply", "nfm_reply": {"body": "Sent", "response_json": "null"}}),
            "interactive",
            "Sent",
        ),
        (
            message_of(
                "interactive", {"type": "call_permission_reply", "call_permission_reply": {"response": "accept"}}
            ),
            "interactive",
            "accept",
        ),
        (message_of("interactive", {"type": ["x"]}), "interactive", None),
        (
            message_of(
                "order",
                {
                    "text": "Para hoy",
                    "product_items": [
                        {"product_retailer_id": "P1", "quantity": 2},
                        {"product_retailer_id": "P2", "quantity": "3"},
                    ],
                },
            ),
            "order",
            "Para hoy\n2 x P1\n3 x P2",
        ),
        (message_of("location", {"latitude": "4.6", "longitude": -74}), "location", "4.6, -74"),
        (message_of("location", {"latitude": 4.6}), "location", None),
        (
            message_of("contacts", [{"phones": [{"phone": "+57 1"}]}, {"org": {"company": "ACME"}}, {}]),
            "contacts",
            "+57 1, ACME",
        ),
        (message_of("system", {"body": "changed", "type": "user_changed_number", "wa_id": "1"}), "system", "changed"),
        (
            message_of(
                "edit", {"original_message_id": "wamid.0", "message": {"type": "text", "text": {"body": "new"}}}
            ),
            "edit",
            "new",
        ),
        (message_of("edit", {"original_message_id": "wamid.0", "message": {"type": "edit", "edit": {}}}), "edit", None),
        (message_of("revoke", {"original_message_id": "wamid.0"}), "revoke", None),
        (message_of("poll_creation", {"name": "Which one?"}), "unknown", "Which one?"),
        (message_of("poll_creation", [1]), "unknown", None),
        (message_of("unknown", errors=[{"code": 501}]), "unknown", None),
        ({"from": "1", "id": "wamid.X", "text": {"body": "no type"}}, "unknown", "no type"),
        (message_of("text", {"body": "x" * 70_000}), "text", "x" * 65_536),
    ],
)
def test_the_words_of_each_type_are_what_a_person_would_read(item, kind, text):
    """And a body of the wrong shape has none, instead of an error."""
    update = message(item)

    assert (update.kind, update.text) == (kind, text)
    assert update.raw == item


@pytest.mark.parametrize(
    ("item", "opens"),
    [
        (message_of("text", {"body": "x"}), True),
        (message_of("image", {"id": "1"}), True),
        (message_of("order", {}), True),
        (message_of("reaction", {"message_id": "wamid.0", "emoji": "x"}), False),
        (message_of("system", {"body": "x"}), False),
        (message_of("edit", {"message": {"type": "text", "text": {"body": "x"}}}), False),
        (message_of("revoke", {}), False),
        (message_of("unsupported", {"type": "poll_creation"}), False),
        (message_of("unsupported", text={"body": "x"}), True),
    ],
)
def test_only_real_messages_open_the_service_window(item, opens):
    """Reactions, system notes, edits, revokes and what cannot be read do not."""
    assert message(item).opens_window is opens


@pytest.mark.parametrize(
    ("item", "refers"),
    [
        (message_of("text", {"body": "x"}, context={"id": "wamid.0"}), "wamid.0"),
        (message_of("text", {"body": "x"}, context={"forwarded": True}), None),
        (message_of("text", {"body": "x"}, context=[]), None),
        (message_of("reaction", {"message_id": "wamid.0"}, context={"id": "wamid.9"}), "wamid.0"),
        (message_of("edit", {"original_message_id": "wamid.0"}), "wamid.0"),
        (message_of("revoke", {"original_message_id": "wamid.0"}), "wamid.0"),
    ],
)
def test_a_message_names_the_one_it_is_about(item, refers):
    """Quote, reaction, edit and revoke."""
    assert message(item).refers_to == refers


def test_media_is_read_with_everything_needed_to_fetch_it():
    """Id, type, hash, file name, link, and whether it is a voice note."""
    document = {"id": "m1", "mime_type": "application/pdf", "sha256": "ab=", "filename": "a.pdf", "url": "https://x/y"}

    assert message(message_of("document", document)).media == Media(
        "m1", "application/pdf", "ab=", "a.pdf", "https://x/y"
    )
    assert message(message_of("audio", {"id": "m2", "voice": True})).media == Media("m2", voice=True)
    assert message(message_of("voice", {"id": "m3"})).media == Media("m3", voice=True)
    assert message(message_of("image", errors=[{"code": 131052}])).media is None
    assert message(message_of("text", {"body": "x"})).media is None


def test_the_media_of_an_edit_is_that_of_the_new_message():
    """A caption may be edited: the image stands inside."""
    inner = {"type": "image", "image": {"id": "m1", "caption": "new"}}

    update = message(message_of("edit", {"original_message_id": "wamid.0", "message": inner}))

    assert (update.text, update.media) == ("new", Media("m1"))


@pytest.mark.parametrize(
    ("stamp", "sent_at"),
    [
        ("1750000000", 1_750_000_000.0),
        (1750000000, 1_750_000_000.0),
        ("1750000000.5", 1_750_000_000.5),
        ("asdf", NOW), ("", NOW), (None, NOW), ({}, NOW), (True, NOW), ("nan", NOW), ("inf", NOW), (-5, NOW), (0, NOW),
        ("9" * 5000, NOW), ("99999999999", NOW), (10**40, NOW),
    ],
)  # fmt: skip
def test_a_timestamp_that_makes_no_sense_reads_as_the_time_of_receipt(stamp, sent_at):
    """So does one in the future: a message cannot be sent after it came."""
    assert message(text_message("wamid.1", timestamp=stamp)).sent_at == sent_at


def test_a_group_message_keeps_its_group():
    """The sender is the participant."""
    (update,) = parse(decode(read("text_group__02")), received=NOW)

    assert (update.group_id, update.sender.wa_id) == ("555555555", "5678")


# --- echoes and statuses ----------------------------------------------------------------------------------------


def test_an_echo_names_the_customer_it_went_to():
    """Sent from the WhatsApp Business app: a person took over."""
    echo = {"from": "15550783881", "to": "16505551234", "id": "wamid.E", "timestamp": "1750000000", "type": "text",
            "text": {"body": "Hola"}}  # fmt: skip
    bare = echo | {"to": None, "to_user_id": "US.5"}
    stray = {"type": "text"}

    first, second, third = parse(
        body_of(value_of(message_echoes=[echo, bare, stray]), field="smb_message_echoes"), received=NOW
    )

    assert first == Echo("wamid.E", NUMBER, "text", 1_750_000_000.0, Sender("16505551234"), "Hola", echo)
    assert second.recipient == Sender(user_id="US.5")
    assert third.kind == "stray_echo"


def test_a_failed_status_tells_code_title_and_details():
    """The first error counts."""
    (update,) = parse(decode(read("status_failed_131036__01")), received=NOW)

    assert (update.state, update.error_code, update.error_details) == ("failed", 131036, "Message payload not found")


@pytest.mark.parametrize(
    ("error", "read_as"),
    [
        ({"code": "131047", "message": "m"}, (131047, "m", None)),
        ({"code": 1, "title": "t", "details": "d"}, (1, "t", "d")),
        ({"code": 1, "title": "t", "error_data": "plain"}, (1, "t", "plain")),
        ({"code": None, "error_data": []}, (None, None, None)),
        ("text", (None, None, None)),
    ],
)
def test_errors_of_a_status_are_read_in_every_known_shape(error, read_as):
    """Older and relayed webhooks put the details elsewhere."""
    update = one(body_of(value_of(statuses=[status_of("wamid.1", "failed", errors=[error])])))

    assert (update.error_code, update.error_title, update.error_details) == read_as


def test_a_status_carries_our_outbox_id_and_its_price():
    """`biz_opaque_callback_data` settles the outbox, `pricing` is the truth about cost."""
    pricing = {"billable": False, "category": "service", "type": "free_customer_service"}
    item = status_of("wamid.1", "sent", biz_opaque_callback_data="default:abc", pricing=pricing)

    update = one(body_of(value_of(statuses=[item])))

    assert update == StatusUpdate(
        "wamid.1", NUMBER, "sent", 1_750_000_001.0, "default:abc", None, None, None, "service",
        "free_customer_service", billable=False, raw=item,
    )  # fmt: skip


def test_a_state_that_is_new_is_kept_and_one_that_is_missing_is_stray():
    """Legacy `deleted` and `warning`, and whatever comes."""
    updates = parse(body_of(value_of(statuses=[status_of("wamid.1", "deleted"), {"id": "wamid.2"}])), received=NOW)

    assert [getattr(u, "state", None) or u.kind for u in updates] == ["deleted", "stray_status"]


# --- bytes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"nope", b"NaN", b"{'a': 1}", b"\xff", b'{"a":1} x', b"\xef\xbb\xbf{}"], ids=repr
)
def test_what_is_not_json_is_refused(raw):
    """Only that: everything that is JSON is taken."""
    with pytest.raises(NotJson):
        decode(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a":"\\ud800x"}', {"a": "\ufffdx"}),
        (b'{"\\udfff":"\\u0000"}', {"\ufffd": "\x00"}),
        (b'"\\ud83d\\ude00 \\ud83d"', "\U0001f600 \ufffd"),
        (b'["\\ud800", 123456789012345678901234567890]', ["\ufffd", "123456789012345678901234567890"]),
        (b'["\\ud800", 1e400]', ["\ufffd", None]),
    ],
    ids=repr,
)
def test_json_that_the_quick_reader_refuses_is_still_taken(raw, value):
    """Lone surrogates and huge numbers come through in a form that can be stored."""
    assert orjson.loads(orjson.dumps(decode(raw))) == value


@pytest.mark.parametrize("depth", [190, 230, 300, 900, 1100, 5000])
def test_deep_nesting_is_stored_as_far_as_it_goes(depth):
    """Neither the reader nor the writer of JSON is brought down by brackets."""
    body = body_of(value_of(messages=[text_message("wamid.1"), "DEEP"]))
    raw = orjson.dumps(body).replace(b'"DEEP"', b"[" * depth + b"]" * depth)

    updates = parse(decode(raw), received=NOW)

    assert depth > 900 or [getattr(u, "wamid", "other") for u in updates] == ["wamid.1", "other"]
    for update in updates:
        orjson.dumps({"what": [update.raw]})
