"""Status webhooks late, missing, twice and in any order: they settle what is unknown, and never make a second send."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.store import keys
from tests.audit import T
from tests.load import Crowd, audit_of, conversation_of, say
from tests.stack import Stack

pytestmark = pytest.mark.flow
CALM = {
    "statuses": True, "shuffle": 0.0, "duplicates": 0.0, "skip_delivered": 0.0, "sent_seconds": 0.05,
    "delivered_seconds": 0.15, "read_seconds": 1.0, "jitter": 0.3,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _calm_afterwards(relevo: Stack) -> Iterator[None]:
    yield
    relevo.simulator.clear_faults()
    relevo.simulator.settings(**CALM)


def _states(relevo: Stack, phone: str) -> list[str]:
    """The states of the bubbles to `phone`, by the store."""
    entries = relevo.simulator.ledger(to=phone)
    with relevo.db() as db:
        return [
            (db.hget(keys.message(T, str(entry["opaque"]).removeprefix(T + ":")), "state") or b"").decode()
            for entry in entries
        ]


def test_statuses_out_of_order_doubled_and_missing_end_at_the_highest(relevo: Stack) -> None:
    """Half of them shuffled, half sent twice, delivered left out: they settle unknown outcomes all the same."""
    relevo.simulator.settings(shuffle=0.5, duplicates=0.5, skip_delivered=0.5, read_seconds=0.3)
    relevo.simulator.add_fault("reset_after", every=8)
    with Crowd(relevo, 51) as crowd:
        crowd.goes_on(40)
        found = crowd.audit().assert_clean()
    phones = {one.wa_id for one in crowd.said}
    relevo.wait_until(lambda: all(set(_states(relevo, phone)) == {"read"} for phone in phones), "every bubble read")
    print("FAULT statuses shuffled, doubled, missing:", found.line())


def test_a_lost_answer_is_settled_by_a_late_status_without_a_second_send(relevo: Stack) -> None:
    """Graph took it, the connection broke, and the status comes just before the settle time is over."""
    relevo.simulator.settings(sent_seconds=1.5, delivered_seconds=1.6, read_seconds=1.7, jitter=0.0)
    relevo.simulator.add_fault("reset_after", times=4)
    said = [say(relevo, f"57319801000{n}") for n in range(4)]
    audit_of(relevo, *said).assert_clean()


def test_without_any_status_a_lost_answer_is_sent_again_after_the_settle_time_only(relevo: Stack) -> None:
    """Statuses are off, and Graph hung before it took the message: it is sent again, and no earlier."""
    relevo.simulator.settings(statuses=False)
    relevo.simulator.add_fault("hang_before", times=2)
    said = [say(relevo, f"57319802000{n}") for n in range(4)]
    found = audit_of(relevo, *said).assert_clean()
    assert found.delay(1) > 2.0  # settle and time-out
    print("FAULT statuses off, hang before:", found.line())


def test_an_answer_that_fails_later_gives_the_chat_to_a_person(relevo: Stack) -> None:
    """A failed status (131026) after the acceptance: nobody else finds out that the customer got nothing."""
    phone = "573198030001"
    relevo.simulator.fail_next("fail_async", match={"to": phone})
    one = say(relevo, phone)
    audit_of(relevo, one).assert_clean()
    relevo.wait_until(lambda: _states(relevo, phone) == ["failed"], "the failure")
    with relevo.db() as db:
        assert db.zscore(keys.index(T, "waiting"), conversation_of(db, one)) is not None
