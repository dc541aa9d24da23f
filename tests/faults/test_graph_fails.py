"""Graph refuses, breaks, hangs and resets: every answer arrives once, in order, as soon as Graph takes it."""

from __future__ import annotations

import time

import pytest

from common.store import keys
from tests.audit import T
from tests.builders import PHONE_ID
from tests.load import Crowd, answered, audit_of, conversation_of, desk_of, say
from tests.stack import Stack

pytestmark = pytest.mark.flow


@pytest.fixture(autouse=True)
def _graph_is_well_afterwards(relevo: Stack):
    yield
    relevo.simulator.clear_faults()


@pytest.mark.parametrize(
    ("number", "presets", "every"),
    [
        (1, "130429 429 131056", 12), (2, "500 html502 503", 12), (3, "reset reset_after garbage 504", 12),
        (4, "hang hang_before slow", 14),
    ],
)  # fmt: skip
def test_a_graph_that_fails_now_and_then_gets_each_answer_once(
    relevo: Stack, number: int, presets: str, every: int
) -> None:
    """One call in a few fails under load; whether Graph took it or not, nobody gets an answer twice or none."""
    for preset in presets.split():
        relevo.simulator.add_fault(preset, every=every)
    with Crowd(relevo, number, contacts=24, rate=50) as crowd:
        crowd.goes_on(60)
        crowd.hush()
        relevo.simulator.clear_faults()
        found = crowd.audit().assert_clean()
    assert found.to_a_person == 0
    print(f"FAULT graph {presets}:", found.line())


def test_a_graph_that_is_gone_for_a_while_delays_and_loses_nothing(relevo: Stack) -> None:
    """Every call fails for about two seconds; with the default RETRY_ATTEMPTS, nobody is handed over for that."""
    with Crowd(relevo, 20) as crowd:
        crowd.goes_on(20)
        relevo.simulator.add_fault("503", always=True)
        crowd.writes(60)
        relevo.simulator.clear_faults()
        found = crowd.audit().assert_clean()
    assert found.to_a_person == 0
    print("FAULT graph down 2 s:", found.line())


def test_a_dead_token_stops_sending_keeps_all_and_goes_on_when_it_works(relevo: Stack) -> None:
    """190: the number rests and says why; one message an interval probes; all is answered once the token works."""
    seq = relevo.simulator.ledger()[-1]["seq"]
    relevo.simulator.add_fault("190", always=True)
    with Crowd(relevo, 21) as crowd, relevo.db() as db:
        key = keys.number(T, PHONE_ID)
        relevo.wait_until(lambda: db.hget(key, "blocked") == b"1", "the circuit")
        assert b"190" in db.hget(key, "reason") or db.hget(key, "reason")
        crowd.writes(40)
        tried = relevo.simulator.faults()[0]["hits"]
        crowd.writes(40)
        probes = relevo.simulator.faults()[0]["hits"] - tried
        assert relevo.simulator.ledger(since=seq) == []
        crowd.hush()
        relevo.simulator.clear_faults()
        found = crowd.audit().assert_clean()
        assert not db.exists(key)
    assert probes <= 3
    assert found.to_a_person == 0
    print("FAULT graph 190:", found.line())


def test_a_message_that_graph_never_takes_goes_to_a_person_and_its_lane_goes_on(relevo: Stack) -> None:
    """131026 for one bubble: a dead letter, the chat waits for a person; handed back, the next message is answered."""
    phone = "573199000001"
    relevo.simulator.add_fault(code=131026, times=1, match={"to": phone})
    lost, other = say(relevo, phone), say(relevo, "573199000002")
    found = audit_of(relevo, lost, other).assert_clean()
    assert (found.to_a_person, found.answered) == (1, 1)
    with relevo.db() as db:
        cid = conversation_of(db, lost)
        assert db.zscore(keys.index(T, "waiting"), cid) is not None
    desk_of(relevo).hand_back(T, cid, actor="ana", now=time.time())
    again = say(relevo, phone)
    relevo.wait_until(lambda: answered(relevo, again), "the next answer")
    audit_of(relevo, lost, again).assert_clean()
