"""Actions ask who is there, check the role, and leave a trace; the pages only offer them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.messages import digest
from common.queueing import manage
from common.store import keys
from console import actions
from console.auth.sessions import Sessions
from tests.console import seed
from tests.console.conftest import services_for

pytestmark = pytest.mark.redis
FAILED = "wa-" + digest("failed", "1")


def audit_of(db: Redis) -> list[tuple[str, str]]:
    entries = db.xrange(keys.audit(seed.TENANT))
    return [(entry[b"actor"].decode(), entry[b"action"].decode()) for _, entry in entries]


@pytest.mark.parametrize("role", ["viewer", None])
def test_whoever_may_not_act_changes_nothing(shop: seed.Shop, db: Redis, role: str | None) -> None:
    """A hidden button is no protection: the action refuses a viewer and a session that is over."""
    on, cid = services_for(db, role), seed.cid_of(0)  # type: ignore[arg-type]
    before = db.hgetall(keys.conversation(seed.TENANT, cid))

    outcomes = [
        actions.take_over(on, cid), actions.reply(on, cid, "hola"), actions.hand_back(on, cid), actions.close(on, cid),
        actions.retry_jobs(on, [FAILED]), actions.delete_jobs(on, [FAILED]), actions.retry_failed(on, "whatsapp-ai"),
    ]  # fmt: skip

    assert not any(outcome.ok for outcome in outcomes)
    assert db.hgetall(keys.conversation(seed.TENANT, cid)) == before
    assert db.hget(f"rq:job:{FAILED}", "status") == b"failed"
    assert audit_of(db) == []


def test_an_agent_answers_but_does_not_touch_queues(shop: seed.Shop, db: Redis) -> None:
    on = services_for(db, "agent", "Iván")

    assert actions.take_over(on, seed.cid_of(0)).ok
    assert not actions.delete_jobs(on, [FAILED]).ok
    assert audit_of(db) == [("Iván", "take_over")]


def test_a_customer_who_had_opted_out_is_let_back(shop: seed.Shop, db: Redis) -> None:
    """By whoever works at the desk, on the record."""
    on, cid = services_for(db, "agent", "Iván"), seed.cid_of(0)
    contact = keys.contact(seed.TENANT, cid.partition(".")[2])
    db.hset(contact, "opted_out", 1)

    assert not actions.opt_in(services_for(db, "viewer"), cid).ok
    assert db.hexists(contact, "opted_out")
    assert actions.opt_in(on, cid).ok
    assert not db.hexists(contact, "opted_out")
    assert audit_of(db) == [("Iván", "opt_in")]


def test_a_refusal_says_why(shop: seed.Shop, db: Redis) -> None:
    """Somebody else has the conversation: nothing changes, and the sentence names them."""
    cid = seed.cid_of(7)

    outcome = actions.take_over(services_for(db, "lead", "Iván"), cid)

    assert not outcome.ok
    assert "Marta" in outcome.sentence
    assert db.hget(keys.conversation(seed.TENANT, cid), "agent") == b"Marta"


def test_all_failed_jobs_of_a_queue_run_again_once(shop: seed.Shop, db: Redis) -> None:
    on = services_for(db, "lead")

    first, second = actions.retry_failed(on, "whatsapp-ai"), actions.retry_failed(on, "whatsapp-ai")

    assert first == (True, "4 back in the queue.")
    assert second == (True, "0 back in the queue.")
    assert audit_of(db) == [("Marta", "queue_retry_failed")] * 2


def test_only_a_lead_pauses_a_queue_and_both_ways_are_audited(shop: seed.Shop, db: Redis) -> None:
    lead = services_for(db, "lead")

    assert not actions.pause_queue(services_for(db, "agent", "Iván"), "messages").ok
    assert manage.paused(db) == set()
    assert actions.pause_queue(lead, "messages") == (True, "messages is paused.")
    assert manage.paused(db) == {"messages"}
    assert not actions.resume_queue(services_for(db, "viewer"), "messages").ok
    assert actions.resume_queue(lead, "messages") == (True, "messages goes on.")
    assert manage.paused(db) == set()
    assert audit_of(db) == [("Marta", "queue_pause"), ("Marta", "queue_resume")]


def test_a_running_job_is_not_deleted(shop: seed.Shop, db: Redis) -> None:
    running = "wa-" + digest("q", "4")

    outcome = actions.delete_jobs(services_for(db, "lead"), [FAILED, running])

    assert outcome == (True, "1 deleted.")
    assert db.exists(f"rq:job:{running}") == 1
    assert db.exists(f"rq:job:{FAILED}") == 0


def test_without_redis_the_sentence_says_so(db: Redis) -> None:
    """An action that Redis did not answer is told as such; whether it happened shows when the page is back."""
    on = services_for(db, "lead")
    with Redis(port=1, retry=Retry(NoBackoff(), 0)) as nowhere:
        away = replace(on, db=nowhere, sessions=Sessions(nowhere))

        assert actions.take_over(away, "1.c1") == (False, "That did not work: Redis did not answer. Try again.")
