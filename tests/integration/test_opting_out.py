"""Who opts out, and back in: what the store holds of it, from the webhook's 200 on."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from common.channels.whatsapp.payload import parse
from common.conversations import reads
from common.conversations.commands import Desk
from common.errors import CommandRefused
from common.handover.opting import OPTED_OUT
from common.messages import Sender
from common.store import keys
from common.store.vault import Vault
from tests.builders import NOW, make_inbound, make_settings
from webhook_app.ingest import Ingest
from workers.reconciling import reconcile

T, VAULT, DAY = "default", Vault(["test-key"]), 86400
BODIES = Path(__file__).parent.parent / "webhooks"


@pytest.fixture
def ingest(db: Redis) -> Ingest:
    return Ingest(db, VAULT, make_settings())


@pytest.fixture
def desk(db: Redis) -> Desk:
    return Desk(db, VAULT, transcript_days=90, region="CO")


def write(ingest: Ingest, text: str, at: float = NOW, **more: Any) -> str:
    """One message is stored; its mid."""
    message = make_inbound(text, sent_at=at, **more)
    ingest.accept([message], now=at)
    return message.mid


def chat(db: Redis) -> str:
    return db.zrange(keys.index(T, "all"), 0, -1)[0].decode()


def contact(db: Redis) -> dict[str, str]:
    """The only contact."""
    (key,) = db.scan_iter(keys.contact(T, "*"))
    return {k.decode(): v.decode("utf-8", "replace") for k, v in db.hgetall(key).items()}


def test_the_word_counts_from_its_200_on(ingest: Ingest, db: Redis) -> None:
    """Time and source stand with the contact before any worker has seen the message; the message says what it did."""
    mid = write(ingest, "¡Baja!")
    assert float(contact(db)["opted_out"]) == NOW
    assert contact(db)["opted_by"] == "the customer"
    assert db.hget(keys.message(T, mid), "wish") == b"out"
    detail = reads.conversation(db, T, chat(db))
    assert detail is not None
    assert detail.opted_out == NOW
    assert db.hget(keys.message(T, write(ingest, "STOP", NOW + 5)), "wish") == b"still"
    assert db.hget(keys.message(T, write(ingest, "alta", NOW + 9)), "wish") == b"in"
    assert "opted_out" not in contact(db)
    assert db.hget(keys.message(T, write(ingest, "ALTA", NOW + 12)), "wish") is None


def test_words_delivered_late_do_not_undo_what_was_said_after_them(ingest: Ingest, db: Redis) -> None:
    """Meta delivers in any order: what the customer said last holds."""
    write(ingest, "hola")
    db.hset(keys.contact(T, chat(db).partition(".")[2]), mapping={"opted_at": NOW + 60})
    write(ingest, "BAJA", NOW + 30)
    assert "opted_out" not in contact(db)
    write(ingest, "BAJA", NOW + 60)
    assert "opted_out" in contact(db)


@pytest.mark.parametrize("more", [{"group_id": "g1"}, {"kind": "image"}, {"kind": "reaction"}])
def test_only_what_a_customer_says_to_us_alone_counts(ingest: Ingest, db: Redis, more: dict[str, Any]) -> None:
    """A word in a group, a caption or a reaction opts nobody out."""
    write(ingest, "STOP", **more)
    assert "opted_out" not in contact(db)


def test_a_no_outlives_the_conversation_and_two_identities(ingest: Ingest, db: Redis) -> None:
    """It is kept for 5 years, with what leads to it, and goes along when two contacts turn out to be one person."""
    write(ingest, "STOP", sender=Sender(wa_id="573001234567"))
    year = 365 * DAY
    kept = [*db.scan_iter(keys.contact(T, "*")), *db.scan_iter(keys.alias(T, "*"))]
    assert len(kept) == 2
    assert all(db.ttl(key) > 4 * year for key in kept)
    write(ingest, "hola", NOW + DAY, sender=Sender(wa_id="573001234567"))  # what is renewed daily is not cut short
    assert all(db.ttl(key) > 4 * year for key in kept)

    write(ingest, "hola", NOW + 2 * DAY, sender=Sender(user_id="CO.1"))
    write(ingest, "hola", NOW + 2 * DAY + 9, sender=Sender(user_id="CO.1", wa_id="573001234567"))
    (into,) = {db.get(key).decode() for key in db.scan_iter(keys.alias(T, "*"))}
    assert db.hget(keys.contact(T, into), "opted_out") is not None


def test_a_chat_left_alone_because_of_it_is_the_bots_again_afterwards(ingest: Ingest, desk: Desk, db: Redis) -> None:
    """One that waits for a person for another reason goes on waiting."""
    for reason, owner in ((OPTED_OUT, b"bot"), ("asked for a person: humano", b"waiting")):
        for back in (lambda at: write(ingest, "ALTA", at), lambda at: desk.opt_in(T, chat(db), actor="ana", now=at)):
            at = time.time() + 5
            write(ingest, "BAJA", at)
            db.hset(keys.conversation(T, chat(db)), mapping={"owner": "waiting", "reason": reason})
            back(at + 1)
            assert "opted_out" not in contact(db)
            assert db.hget(keys.conversation(T, chat(db)), "owner") == owner
            db.flushdb()
            write(ingest, "hola")


def test_a_person_at_the_desk_writes_it_down_and_takes_it_back(ingest: Ingest, desk: Desk, db: Redis) -> None:
    """With their name, in the audit, and so that an open page sees it."""
    write(ingest, "hola")
    before = reads.version(db, T, chat(db))
    desk.opt_out(T, chat(db), actor="ana", now=NOW + 1)
    assert contact(db)["opted_by"] == "ana"
    assert reads.version(db, T, chat(db)) > before
    desk.opt_in(T, chat(db), actor="eva", now=NOW + 2)
    assert "opted_out" not in contact(db)
    actions = [fields[b"action"] for _, fields in db.xrange(keys.audit(T))]
    assert actions == [b"opt_out", b"opt_in"]
    with pytest.raises(CommandRefused):
        desk.opt_out(T, "1.gone", actor="ana", now=NOW)


def test_nobody_who_opted_out_is_reminded_that_they_wait(ingest: Ingest, db: Redis, redis_url: str) -> None:
    """The reconciler says nothing to them, and does not give their chat back to the bot."""
    now = time.time()
    write(ingest, "BAJA", now)
    db.hset(keys.conversation(T, chat(db)), mapping={"owner": "waiting", "since": now})
    db.zadd(keys.index(T, "waiting"), {chat(db): now})

    async def go() -> dict[str, int]:
        async with AsyncRedis.from_url(redis_url) as at:
            clock = SimpleNamespace(now=lambda: now + 3600)
            settings = make_settings(waiting_back_minutes=30)
            services: Any = SimpleNamespace(db=at, vault=VAULT, clock=clock, settings=settings)
            return await reconcile(services, T)

    assert not any(asyncio.run(go()).values())
    assert db.llen(keys.transcript(T, chat(db))) == 1


def preference(value: str, at: int, **more: Any) -> Any:
    """A body of Meta's, with another word."""
    body = json.loads((BODIES / "user_preferences_resume__01.json").read_text())
    body["entry"][0]["changes"][0]["value"]["user_preferences"][0] |= {"value": value, "timestamp": at, **more}
    return body


def test_a_stop_in_whatsapps_menu_concerns_marketing_only(ingest: Ingest, db: Redis) -> None:
    """Meta's `user_preferences`: known or not, the contact is marked; a redelivery and an older word change nothing."""
    for at, value in ((int(NOW), "stop"), (int(NOW), "stop"), (int(NOW) - 50, "resume")):
        ingest.accept(parse(preference(value, at), received=NOW + 9), now=NOW + 9)
        assert float(contact(db)["marketing_out"]) == NOW
    assert contact(db)["marketing_by"] == "user_preferences"
    assert "opted_out" not in contact(db)
    assert db.ttl(next(db.scan_iter(keys.contact(T, "*")))) > 4 * 365 * DAY
    ingest.accept(parse(preference("resume", int(NOW) + 5), received=NOW + 9), now=NOW + 9)
    assert "marketing_out" not in contact(db)
    assert db.xlen(keys.other_updates(T)) == 3
    write(ingest, "hola", wa_id="16505551234")
    assert len(list(db.scan_iter(keys.contact(T, "*")))) == 1


@pytest.mark.parametrize(
    "more", [{"value": "maybe"}, {"category": "utility"}, {"wa_id": None}, {"wa_id": ["x"]}, {"value": {}}]
)
def test_a_preference_that_cannot_be_used_is_kept_as_it_came(ingest: Ingest, db: Redis, more: dict[str, Any]) -> None:
    """Nothing is lost, and nobody is marked by it."""
    ingest.accept(parse(preference(**{"value": "stop", "at": int(NOW)} | more), received=NOW), now=NOW)
    assert db.xlen(keys.other_updates(T)) == 1
    assert list(db.scan_iter(keys.contact(T, "*"))) == []


@pytest.mark.parametrize("name", ["user_preferences_resume__01", "user_preferences_resume__02"])
def test_metas_own_bodies_are_understood(ingest: Ingest, db: Redis, name: str) -> None:
    """As published: a resume of the person that the item names."""
    ingest.accept(parse(json.loads((BODIES / f"{name}.json").read_text()), received=NOW), now=NOW)
    assert contact(db)["marketing_at"].startswith("1731705721")
    assert "marketing_out" not in contact(db)
