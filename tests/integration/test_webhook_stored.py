"""From the signed POST to Redis, with the real ingest: each thing stored once, whatever stands beside it."""

from __future__ import annotations

import json
import random

import orjson
import pytest
from redis import Redis

from common.conversations.reads import day_counters
from common.messages import DEFAULT_TENANT, job_id, message_id
from common.queueing import keys as queue_keys
from common.queueing.queues import WHATSAPP_AI
from common.store import keys
from common.store.vault import Vault
from tests.webhook_bodies import FILES, body_of, message_of, status_of, text_message, value_of
from tests.webhook_fakes import NOW, PATH, app_with, settings_with, signed
from webhook_app.ingest import Ingest


@pytest.fixture
def client(db):
    settings = settings_with(quiet_seconds=0)
    return app_with(Ingest(db, Vault(["seal"]), settings), db=db).test_client()


def post(client, body):
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    response = client.post(PATH, **signed(raw))
    assert (response.status_code, response.data) == (200, b"ok")


def snapshot(db: Redis) -> dict[bytes, bytes]:
    """Everything in Redis but the daily counters; of a hash, in which a look may move fields about, its fields."""
    counted = keys.counters(DEFAULT_TENANT, "").encode()
    found = [key for key in db.keys("*") if not key.startswith(counted)]
    return {key: b"\0".join(sorted(b"\0".join(field) for field in db.hgetall(key).items()))
            if db.type(key) == b"hash" else db.dump(key) for key in found}  # fmt: skip


def stored_messages(db: Redis) -> set[str]:
    prefix = keys.message(DEFAULT_TENANT, "")
    return {key.decode().removeprefix(prefix) for key in db.keys(f"{prefix}*")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_collected_body_is_stored_once_however_often_it_comes(client, db, path):
    """Sent again, as it is and re-serialised: nothing new in Redis."""
    raw = path.read_bytes()
    post(client, raw)
    first = snapshot(db)

    post(client, raw)
    post(client, json.dumps(orjson.loads(raw), sort_keys=True, indent=1).encode())

    assert snapshot(db) == first
    assert first or b'"statuses"' in raw  # a status of a message that is not ours changes nothing


def test_a_new_message_gets_its_job(client, db):
    """Named after the wamid, in the queue, with ids only in its data."""
    post(client, body_of(value_of(messages=[text_message("wamid.1", "my secret words")])))

    assert db.lrange(queue_keys.queue(WHATSAPP_AI), 0, -1) == [job_id(message_id("wamid.1")).encode()]
    assert all(b"my secret words" not in value for value in snapshot(db).values())
    assert all(b"16505551234" not in key + value for key, value in snapshot(db).items())


def test_re_batched_duplicates_are_told_from_new_messages(client, db):
    """Meta may send an old message again inside another POST."""
    post(client, body_of(value_of(messages=[text_message("wamid.1"), text_message("wamid.2")])))
    post(
        client, body_of(value_of(messages=[text_message("wamid.2"), text_message("wamid.3"), text_message("wamid.1")]))
    )

    assert stored_messages(db) == {message_id(f"wamid.{i}") for i in (1, 2, 3)}
    counted = day_counters(db, DEFAULT_TENANT, now=NOW)
    assert (counted["inbound"], counted["duplicates"]) == (3, 2)


def test_the_same_message_twice_in_one_post_is_stored_once(client, db):
    """Dedup works inside a POST as well."""
    post(client, body_of(value_of(messages=[text_message("wamid.1")] * 3)))

    assert stored_messages(db) == {message_id("wamid.1")}
    assert db.llen(queue_keys.queue(WHATSAPP_AI)) == 1


def test_a_thousand_statuses_in_one_post_are_taken(client, db):
    """Of messages we never sent: counted, nothing stored for them."""
    post(client, body_of(value_of(statuses=[status_of(f"wamid.{i}") for i in range(1000)])))

    assert stored_messages(db) == set()


def test_a_full_batch_of_a_thousand_messages_is_stored_whole(client, db):
    """Of 100 people, in several entries and changes."""
    items = [text_message(f"wamid.{i}", f"n {i}", **{"from": f"5730{i % 100:08d}"}) for i in range(1000)]
    values = [value_of(messages=items[i : i + 50]) for i in range(0, 1000, 50)]
    body = body_of(*values[:10])
    body["entry"] += body_of(*values[10:])["entry"]

    post(client, body)

    assert stored_messages(db) == {message_id(f"wamid.{i}") for i in range(1000)}
    assert db.zcard(keys.index(DEFAULT_TENANT, "all")) == 100


@pytest.mark.parametrize(
    "bad",
    [
        None, 5, "text", [], {}, {"id": "wamid.bad"}, {"id": 5, "from": 5}, text_message("wamid.bad", timestamp=[]),
        text_message("wamid.bad", "\x00\u202e" * 100), text_message("wamid.bad", "x" * 70_000),
        message_of("hologram", {"deep": [[[[[{}]]]]]}), message_of("text", {"body": 10**30}),
        text_message("wamid.bad", **{"from": "US.123"}), text_message("wamid.bad", context={"id": "wamid.bad"}),
        text_message("w" * 600), message_of("revoke", {"original_message_id": "wamid.never"}),
        message_of("reaction", {}), message_of("edit", None), message_of("system", {"wa_id": {}}),
        text_message("wamid.bad", errors="x", identity=[], referral=7),
    ],
    ids=lambda bad: repr(bad)[:40],
)  # fmt: skip
def test_one_bad_item_never_loses_its_siblings(client, db, bad):
    """The good messages around it are stored, and so is what the bad one is."""
    body = body_of(value_of(messages=[text_message("wamid.1"), bad, text_message("wamid.2")]))

    post(client, json.dumps(body).encode())

    assert {message_id("wamid.1"), message_id("wamid.2")} <= stored_messages(db)
    assert len(stored_messages(db)) + db.xlen(keys.other_updates(DEFAULT_TENANT)) == 3


@pytest.mark.parametrize(
    "junk", [rb'"\ud800"', b"123456789012345678901234567890", b"[" * 300 + b"]" * 300, b'{"\\ud800":1e999}'],
    ids=lambda junk: junk[:12].decode(),
)  # fmt: skip
def test_json_that_is_hard_to_store_is_stored(client, db, junk):
    """Lone surrogates, huge numbers, deep nesting: in a message, and as an item of its own."""
    body = orjson.dumps(body_of(value_of(messages=[text_message("wamid.1", more="JUNK"), "JUNK"])))

    post(client, body.replace(b'"JUNK"', junk))

    assert stored_messages(db) == {message_id("wamid.1")}
    assert db.xlen(keys.other_updates(DEFAULT_TENANT)) == 1


def test_shuffled_batches_with_duplicates_store_each_message_once(client, db):
    """Whatever way Meta packs and repeats them."""
    dice = random.Random(7)
    items = [text_message(f"wamid.{i}", **{"from": f"5730000000{i % 5}"}) for i in range(60)]
    sent = items + dice.choices(items, k=60)
    dice.shuffle(sent)
    while sent:
        size = dice.randint(1, 9)
        post(client, body_of(value_of(messages=sent[:size])))
        del sent[:size]

    assert stored_messages(db) == {message_id(item["id"]) for item in items}
    counted = day_counters(db, DEFAULT_TENANT, now=NOW)
    assert (counted["inbound"], counted["duplicates"]) == (60, 60)
