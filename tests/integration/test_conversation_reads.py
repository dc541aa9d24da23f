"""Reads of conversations on a real Redis, of a shop written by the schema and of one written by the desk."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis import Redis

from common.conversations import reads, turns
from common.conversations.commands import Desk
from common.messages import digest, message_id
from common.store import keys
from common.store.vault import Vault
from tests.console import seed

pytestmark = pytest.mark.redis
T = seed.TENANT


@pytest.fixture
def shop(db: Redis) -> seed.Shop:
    return seed.fill(db, now=1_795_325_000.0)


def commands_of(db: Redis, read: Callable[[], object]) -> dict[str, int]:
    """The Redis commands that `read` costs, by name."""
    db.config_resetstat()
    read()
    stats = db.info("commandstats")
    return {name.removeprefix("cmdstat_"): int(row["calls"]) for name, row in stats.items() if "config" not in name}


def test_pages_are_newest_first_and_waiting_is_longest_first(shop: seed.Shop, db: Redis) -> None:
    everyone = reads.list_conversations(db, T)
    waiting = reads.list_conversations(db, T, index="waiting")

    assert everyone.total == 40
    assert [r.last_at for r in everyone.rows] == sorted((r.last_at for r in everyone.rows), reverse=True)
    assert waiting.total == 6
    assert [r.since for r in waiting.rows] == sorted(r.since for r in waiting.rows)
    assert {r.owner for r in waiting.rows} == {"waiting"}


def test_a_page_starts_where_the_last_one_ended(shop: seed.Shop, db: Redis) -> None:
    first = reads.list_conversations(db, T, limit=25)
    second = reads.list_conversations(db, T, offset=25, limit=25)

    assert (len(first.rows), len(second.rows)) == (25, 15)
    assert not {r.cid for r in first.rows} & {r.cid for r in second.rows}


def test_a_page_is_one_range_and_one_hmget_a_row(shop: seed.Shop, db: Redis) -> None:
    """No SCAN, no KEYS, no HGETALL, and nothing is written."""
    cost = commands_of(db, lambda: reads.list_conversations(db, T))

    assert {name: n for name, n in cost.items() if name != "info"} == {"zcard": 1, "zrevrange": 1, "hmget": 40}


def test_ones_own_are_found_by_agent(shop: seed.Shop, db: Redis) -> None:
    mine = reads.list_conversations(db, T, index="human", agent="Marta")

    assert mine.total == 2
    assert {r.agent for r in mine.rows} == {"Marta"}


def test_an_unknown_index_is_refused(db: Redis) -> None:
    with pytest.raises(ValueError, match="unknown index"):
        reads.list_conversations(db, T, index="convs:*")


def test_counts_of_all_indexes(shop: seed.Shop, db: Redis) -> None:
    found = reads.counts(db, T)

    assert found["all"] == 40
    assert found["bot"] + found["waiting"] + found["human"] + found["closed"] == 40
    assert reads.day_counters(db, T, now=shop.now)["answered"] == 371
    assert reads.day_counters(db, T, now=shop.now + 86_400) == {}


def test_waiting_people_and_the_longest_wait(shop: seed.Shop, db: Redis) -> None:
    found = reads.waiting_people(db, T, now=shop.now)

    oldest = reads.list_conversations(db, T, index="waiting").rows[0]
    assert found == reads.Waiting(6, shop.now - oldest.since)
    assert reads.waiting_people(db, "nobody", now=shop.now) == reads.Waiting(0, 0.0)


def test_transcript_is_paged_backwards(shop: seed.Shop, db: Redis) -> None:
    """`before` is the position of the oldest bubble shown; positions count from the oldest kept."""
    cid = seed.cid_of(0)

    newest = reads.transcript(db, T, cid, newest=2)
    earlier = reads.transcript(db, T, cid, newest=2, before=newest[0].position)
    first = reads.transcript(db, T, cid, newest=2, before=earlier[0].position)

    assert [e.position for e in first + earlier + newest] == [0, 1, 2, 3, 4]
    assert reads.transcript(db, T, cid, before=0) == []
    assert [e.mid for e in first + earlier + newest] == [e.mid for e in reads.transcript(db, T, cid)]


def test_transcript_shows_who_said_what_and_what_became_of_it(shop: seed.Shop, db: Redis) -> None:
    entries = reads.transcript(db, T, seed.cid_of(7))
    last = entries[-1]

    assert [e.dir for e in entries] == ["in", "out", "out", "in", "out"]
    assert (last.by, last.actor, last.state, last.error_code) == ("human", "Marta", "failed", 131026)
    assert entries[1].job.startswith("wa-")
    assert entries[1].turn.startswith("t-")


def test_a_message_no_worker_has_seen_has_no_text(db: Redis) -> None:
    """What a customer wrote is sealed until it is redacted: reads have nothing to show, and open nothing."""
    mid = message_id("wamid.1")
    db.hset(keys.message(T, mid), mapping={"dir": "in", "kind": "text", "at": 5, "state": "new", "raw": b"\x00sealed"})
    db.rpush(keys.transcript(T, "1.c1"), mid)

    (entry,) = reads.transcript(db, T, "1.c1")

    assert entry.text is None


def test_quotes_are_found_both_ways(db: Redis) -> None:
    """A customer quotes our bubble (found by the wamid that Graph gave it) or an own message (by its mid)."""
    own, ours, quoting = message_id("wamid.in"), "o-1", message_id("wamid.q")
    db.hset(keys.message(T, own), mapping={"dir": "in", "kind": "text", "text": "mi pregunta", "at": 1})
    db.hset(keys.message(T, ours), mapping={"dir": "out", "kind": "text", "text": "nuestra respuesta", "at": 2})
    db.set(keys.wamid(T, digest("wamid.out")), ours)
    for n, refers in enumerate((digest("wamid.in"), digest("wamid.out"), digest("wamid.gone"))):
        fields = {"dir": "in", "kind": "text", "text": "?", "at": 3, "refers": refers}
        db.hset(keys.message(T, f"{quoting}{n}"), mapping=fields)
        db.rpush(keys.transcript(T, "1.c1"), f"{quoting}{n}")

    assert [e.quoted for e in reads.transcript(db, T, "1.c1")] == ["mi pregunta", "nuestra respuesta", None]


def test_a_person_s_answer_is_read_back(shop: seed.Shop, db: Redis) -> None:
    """The desk writes, reads show it: owner, bubble, version."""
    desk, cid = Desk(db, Vault(["s"]), transcript_days=90, region="CO"), seed.cid_of(0)
    before = reads.version(db, T, cid)

    desk.take_over(T, cid, actor="Marta", now=shop.now)
    mid = desk.reply(T, cid, "Escríbeme a ana@example.com", actor="Marta", now=shop.now)

    detail = reads.conversation(db, T, cid)
    last = reads.transcript(db, T, cid)[-1]
    assert detail
    assert (detail.row.owner, detail.row.agent, detail.messages) == ("human", "Marta", 6)
    assert (last.mid, last.state, last.actor) == (mid, "intent", "Marta")
    assert "ana@example.com" not in (last.text or "")
    assert reads.version(db, T, cid) > before


def test_what_is_gone_is_none(db: Redis) -> None:
    assert reads.conversation(db, T, "1.c9") is None
    assert turns.turn(db, T, "t-0") is None
    assert reads.version(db, T, "1.c9") == 0
    assert reads.transcript(db, T, "1.c9") == []


def test_an_index_entry_without_its_hash_is_left_out(db: Redis) -> None:
    """The hash expired before maintenance took the entry away."""
    db.zadd(keys.index(T, "all"), {"1.c9": 5})

    assert reads.list_conversations(db, T).rows == []


def test_a_turn_tells_how_a_reply_came_to_be(shop: seed.Shop, db: Redis) -> None:
    entry = next(e for e in reads.transcript(db, T, seed.cid_of(0)) if e.by == "bot")

    turn = turns.turn(db, T, entry.turn)

    assert turn
    assert (turn.conversation, turn.job, turn.outcome) == (seed.cid_of(0), entry.job, "answered")
    assert turn.timings["generate"] == 412.7
    assert [(s.id, s.confidence, s.cited) for s in turn.sources] == [
        ("envios-medellin", 0.871, True), ("envio-gratis", 0.522, False), ("crema-calendula", 0.214, False)
    ]  # fmt: skip
    assert (turn.tokens_in, turn.tokens_out, turn.confidence) == (412, 38, 0.87)
    assert turns.of_message(db, T, turn.messages[0]) == turn.turn
    (asked,), (said,) = turns.bubbles(db, T, turn.messages), turns.bubbles(db, T, [*turn.parts, "o-gone"])
    assert (asked.dir, said.dir) == ("in", "out")
    assert asked.received_at < turn.at < said.accepted_at < said.sent_at


@pytest.mark.parametrize(
    "broken", [b"", b"{", b"7", b'"x"', b'[["a"]]', b'[["a","b","c","d","e"]]', b"null", b'[[1,null,"NaN",1e999]]']
)
def test_a_turn_with_broken_fields_is_still_read(db: Redis, broken: bytes) -> None:
    """Whatever a field holds, the page shows the rest."""
    fields = dict.fromkeys(("sources", "timings", "usage", "messages", "parts", "cited", "confidence"), broken)
    db.hset(keys.turn(T, "t-1"), mapping={"conv": "1.c1", **fields})

    turn = turns.turn(db, T, "t-1")

    assert turn
    assert turn.conversation == "1.c1"
    assert turns.bubbles(db, T, turn.messages) == []


def test_numbers_are_the_configured_ones_and_those_in_use(shop: seed.Shop, db: Redis) -> None:
    """A refused number, a resting one, and one that nothing is known of; no SCAN and no walk of conversations."""
    db.hset(keys.number(T, seed.NUMBER), mapping={"blocked": 1, "paused_until": shop.now - 9, "reason": "no payment"})
    db.hset(keys.number(T, "222"), mapping={"blocked": 0, "paused_until": shop.now + 60, "reason": "slow down"})

    found = reads.numbers(db, T, ("111", "222"))
    cost = commands_of(db, lambda: reads.numbers(db, T, ("111", "222")))

    assert [(n.phone_number_id, n.blocked, round(n.rests(shop.now))) for n in found] == [
        ("111", False, 0), ("222", False, 60), (seed.NUMBER, True, 0)
    ]  # fmt: skip
    assert found[2].reason == "no payment"
    assert {name: n for name, n in cost.items() if name != "info"} == {"zrevrange": 2, "hmget": 3}
    assert reads.numbers(db, "nobody") == []


def test_names_of_conversations_cost_one_round_trip_and_leave_out_what_is_gone(shop: seed.Shop, db: Redis) -> None:
    wanted = [seed.cid_of(0), seed.cid_of(0), "1.c9", seed.cid_of(1)]

    assert reads.names_of(db, T, wanted) == {seed.cid_of(0): ("Ana R.", "1000"), seed.cid_of(1): ("Luis P.", "1037")}
    cost = commands_of(db, lambda: reads.names_of(db, T, wanted))
    assert {name: n for name, n in cost.items() if name != "info"} == {"hmget": 3}
    assert reads.names_of(db, T, []) == {}
