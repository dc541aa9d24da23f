"""What a webhook says is stored once, whole, and becomes a job."""

from __future__ import annotations

import contextlib
import itertools
import time

import orjson
import pytest
from redis import Redis
from redis.exceptions import OutOfMemoryError

from common.errors import StoreUnavailable
from common.messages import OtherUpdate, Sender, job_id
from common.store import keys
from common.store.vault import Vault
from tests.builders import NOW, PHONE_ID, make_echo, make_inbound, make_settings, make_status
from tests.conftest import RedisServer
from webhook_app.ingest import Acceptance, Ingest

VAULT = Vault(["test-key"])
T = "default"


@pytest.fixture
def ingest(db: Redis) -> Ingest:
    return Ingest(db, VAULT, make_settings())


def conversations(db: Redis, index: str = "all") -> list[str]:
    return [cid.decode() for cid in db.zrange(keys.index(T, index), 0, -1)]


def field(db: Redis, key: str, name: str) -> str | None:
    value = db.hget(key, name)
    return None if value is None else value.decode()


def test_a_message_is_stored_sealed_and_its_job_is_queued(ingest: Ingest, db: Redis) -> None:
    """One message is one transcript entry, one conversation of the bot and one queued job; its text is unreadable."""
    message = make_inbound("mi correo es ana@example.com")
    assert ingest.accept([message], now=NOW) == Acceptance(stored=1)

    (cid,) = conversations(db)
    stored = db.hgetall(keys.message(T, message.mid))
    assert b"ana@example.com" not in b"".join(stored.values())
    assert VAULT.open_json(stored[b"raw"])["text"] == "mi correo es ana@example.com"
    assert db.lrange(keys.transcript(T, cid), 0, -1) == [message.mid.encode()]
    assert db.lrange("rq:queue:whatsapp-ai", 0, -1) == [job_id(message.mid).encode()]
    data = orjson.loads(db.hget(f"rq:job:{job_id(message.mid)}", "data"))
    assert data == ["workers.jobs.answer", None, [], {"tenant": T, "message": message.mid}]
    assert field(db, keys.conversation(T, cid), "owner") == "bot"
    assert field(db, keys.conversation(T, cid), "label") == "Ana R."
    assert float(field(db, keys.conversation(T, cid), "window_until")) == NOW + 86400


def test_a_redelivery_changes_nothing(ingest: Ingest, db: Redis) -> None:
    """The same wamid at once, later, and in another batch is a duplicate; no other key changes."""
    message, other = make_inbound("uno"), make_inbound("dos", wa_id="573009999999")
    ingest.accept([message], now=NOW)
    job = db.hgetall(f"rq:job:{job_id(message.mid)}")
    assert ingest.accept([message], now=NOW) == Acceptance(duplicates=1)
    assert ingest.accept([other, message], now=NOW + 3600) == Acceptance(stored=1, duplicates=1)
    assert db.hgetall(f"rq:job:{job_id(message.mid)}") == job
    assert db.llen("rq:queue:whatsapp-ai") == 2


def test_every_key_expires_or_is_bounded(ingest: Ingest, db: Redis) -> None:
    """Nothing that a customer can make grow lives for ever."""
    ingest.accept([make_inbound(), make_echo(), OtherUpdate("account_update", None, "d1", {})], now=NOW)
    lasting = {k.decode() for k in db.keys("rv:*") if db.ttl(k) < 0}
    assert {k.split("}:")[1].split(":")[0] for k in lasting} <= {"convs", "updates"}


def test_one_contact_is_one_lane_and_its_second_job_waits(ingest: Ingest, db: Redis) -> None:
    """Only the head of a contact's lane is queued; another contact is not held up."""
    first, second = make_inbound("uno"), make_inbound("dos")
    other = make_inbound("tres", wa_id="573009999999")
    ingest.accept([first, second, other], now=NOW)
    assert db.lrange("rq:queue:whatsapp-ai", 0, -1) == [job_id(m.mid).encode() for m in (first, other)]
    assert field(db, f"rq:job:{job_id(second.mid)}", "status") == "deferred"


def test_a_burst_waits_for_quiet_at_most_four_times(db: Redis) -> None:
    """Each message of a burst puts the turn off by QUIET_SECONDS, up to 4 x that after the first one."""
    ingest = Ingest(db, VAULT, make_settings(quiet_seconds=1))
    first, now = make_inbound(), time.time()

    def due() -> float:
        return db.zscore("rq:scheduler:scheduled_jobs", job_id(first.mid))

    ingest.accept([first], now=now)
    assert due() == pytest.approx(now + 1, abs=0.01)
    for n in range(1, 8):
        ingest.accept([make_inbound()], now=now + n * 0.9)
    assert due() == pytest.approx(now + 4, abs=0.01)
    assert db.llen("rq:queue:whatsapp-ai") == 0


def test_a_session_lives_24_hours_after_the_last_message(ingest: Ingest, db: Redis) -> None:
    """The first message begins it, the next one prolongs it; once expired, the bot begins anew and the chat is kept."""
    ingest.accept([make_inbound()], now=NOW)
    (cid,) = conversations(db)
    key = keys.session(T, cid)
    first = db.hgetall(key)
    db.expire(key, 100)
    ingest.accept([make_inbound()], now=NOW + 50)
    assert db.hget(key, "id") == first[b"id"]
    assert 86_000 < db.ttl(key) <= 86_400
    db.delete(key)
    ingest.accept([make_inbound()], now=NOW + 90_000)
    assert db.hget(key, "id") != first[b"id"]
    assert db.llen(keys.transcript(T, cid)) == 3


def test_phone_and_user_id_lead_to_one_contact(ingest: Ingest, db: Redis) -> None:
    """A customer known by phone who adopts a username stays the same conversation, also without a phone later."""
    ingest.accept([make_inbound()], now=NOW)
    both = Sender(wa_id="573001234567", user_id="CO.12345678901234567890")
    ingest.accept([make_inbound(sender=both)], now=NOW)
    ingest.accept([make_inbound(sender=Sender(user_id="CO.12345678901234567890"))], now=NOW)
    assert len(conversations(db)) == 1


def test_two_contacts_that_turn_out_to_be_one_are_merged(ingest: Ingest, db: Redis) -> None:
    """When one message carries both identities, the user id's contact wins and the other one says where it went."""
    ingest.accept([make_inbound(sender=Sender(user_id="CO.1"))], now=NOW)
    ingest.accept([make_inbound()], now=NOW)
    by_user, by_phone = (cid.split(".")[1] for cid in conversations(db))
    if VAULT.pseudonyms("user", "CO.1")[0][:20] != by_user[1:]:
        by_user, by_phone = by_phone, by_user
    ingest.accept([make_inbound(sender=Sender(wa_id="573001234567", user_id="CO.1"))], now=NOW)
    assert field(db, keys.contact(T, by_phone), "merged_into") == by_user
    ingest.accept([make_inbound()], now=NOW + 1)
    assert conversations(db)[-1] == f"{PHONE_ID}.{by_user}"


def test_statuses_only_move_up_and_settle_the_outbox(ingest: Ingest, db: Redis) -> None:
    """Out-of-order and late statuses never take a tick away; a sending message is settled by our opaque id."""
    mid = "o-1"
    key = keys.message(T, mid)
    db.hset(key, mapping={"dir": "out", "conv": "c", "by": "bot", "state": "sending"})
    db.hset(keys.conversation(T, "c"), mapping={"owner": "bot"})
    for state, seen in (("delivered", "delivered"), ("sent", "delivered"), ("read", "read"), ("delivered", "read")):
        ingest.accept([make_status(mid, state)], now=NOW)
        assert field(db, key, "state") == seen
    assert VAULT.open(db.hget(key, "wamid")) == f"wamid.out.{mid}".encode()
    ingest.accept([make_status(mid, "warning"), make_status(mid, "failed", error_code=131026)], now=NOW)
    assert field(db, key, "state") == "read"


def test_an_answer_that_failed_hands_the_chat_to_a_person(ingest: Ingest, db: Redis) -> None:
    """A `failed` status of a bot's answer keeps the reason and puts the customer in front of a person."""
    ingest.accept([make_inbound()], now=NOW)
    (cid,) = conversations(db)
    db.hset(keys.message(T, "o-1"), mapping={"dir": "out", "conv": cid, "by": "bot", "state": "accepted"})
    failed = make_status("o-1", "failed", error_code=131026, error_title="Undeliverable")
    ingest.accept([failed], now=NOW)
    ingest.accept([failed], now=NOW)
    assert field(db, keys.message(T, "o-1"), "state") == "failed"
    assert field(db, keys.message(T, "o-1"), "error") == "131026: Undeliverable"
    assert conversations(db, "waiting") == [cid]
    assert "131026" in (field(db, keys.conversation(T, cid), "reason") or "")


def test_a_status_of_a_stranger_is_counted_not_stored(ingest: Ingest, db: Redis) -> None:
    """A status of a message that another system sent creates no key but the counter."""
    assert ingest.accept([make_status("o-9", "sent", opaque=None)], now=NOW).statuses == 1
    assert [k for k in db.keys("rv:*") if b":count:" not in k] == []


def test_a_thousand_statuses_in_one_post_are_all_applied(ingest: Ingest, db: Redis) -> None:
    """Meta batches up to 1,000 updates: none is lost."""
    db.hset(keys.conversation(T, "c"), mapping={"owner": "bot"})
    for n in range(1000):
        db.hset(keys.message(T, f"o-{n}"), mapping={"dir": "out", "conv": "c", "by": "bot", "state": "accepted"})
    accepted = ingest.accept([make_status(f"o-{n}", "delivered") for n in range(1000)], now=NOW)
    assert accepted.statuses == 1000
    assert {field(db, keys.message(T, f"o-{n}"), "state") for n in range(1000)} == {"delivered"}


def test_an_echo_gives_the_chat_to_the_person_who_wrote_it(ingest: Ingest, db: Redis) -> None:
    """Somebody who answers from the WhatsApp app has taken over; the echo stands in the transcript, redacted, once."""
    ingest.accept([make_inbound()], now=NOW)
    (cid,) = conversations(db)
    echo = make_echo("escriba a ana@example.com")
    assert ingest.accept([echo], now=NOW) == Acceptance(stored=1)
    assert ingest.accept([echo], now=NOW) == Acceptance(duplicates=1)
    assert conversations(db, "human") == [cid]
    assert conversations(db, "bot") == []
    assert "ana@example.com" not in (field(db, keys.message(T, echo.mid), "text") or "ana@example.com")


def test_a_closed_chat_opens_with_the_bot_again(ingest: Ingest, db: Redis) -> None:
    """The next message of a customer whose chat was closed is the bot's."""
    ingest.accept([make_inbound()], now=NOW)
    (cid,) = conversations(db)
    db.hset(keys.conversation(T, cid), "owner", "closed")
    ingest.accept([make_inbound()], now=NOW + 5)
    assert field(db, keys.conversation(T, cid), "owner") == "bot"


def test_other_items_are_kept_raw_once(ingest: Ingest, db: Redis) -> None:
    """Account events and unknown shapes are kept sealed in a bounded stream, a redelivery not again."""
    update = OtherUpdate("account_update", PHONE_ID, "digest1", {"event": "DISABLED_UPDATE"})
    assert ingest.accept([update], now=NOW) == Acceptance(other=1)
    assert ingest.accept([update], now=NOW) == Acceptance(duplicates=1)
    ((_, entry),) = db.xrange(keys.other_updates(T))
    assert VAULT.open_json(entry[b"raw"]) == {"event": "DISABLED_UPDATE"}


def test_a_redis_that_is_down_refuses_the_post(ingest: Ingest, db: Redis) -> None:
    """Meta must hear that nothing was stored, so that it delivers again."""
    with Redis(port=1, socket_connect_timeout=0.2) as dead, pytest.raises(StoreUnavailable):
        Ingest(dead, VAULT, make_settings()).accept([make_inbound()], now=NOW)


def test_a_full_redis_refuses_the_post_whole(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Out of memory: StoreUnavailable, and not half a message."""
    server = RedisServer(tmp_path_factory.mktemp("full"), extra=("--maxmemory", "3mb")).start()
    try:
        with Redis(port=server.port) as db:
            ingest = Ingest(db, VAULT, make_settings())
            ingest.accept([make_inbound()], now=NOW)
            for size in (100_000, 100):
                with contextlib.suppress(OutOfMemoryError):
                    for filler in itertools.count():
                        db.set(f"fill:{size}:{filler}", b"x" * size)
            refused = make_inbound()
            with pytest.raises(StoreUnavailable):
                ingest.accept([refused], now=NOW)
            assert not db.exists(keys.message(T, refused.mid))
    finally:
        server.kill()
