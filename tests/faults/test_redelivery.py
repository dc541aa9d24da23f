"""Meta delivers again: at once, later, much later, and in other batches. One message, one answer."""

from __future__ import annotations

import time

import pytest

from common.graph.simulator.webhooks import Customer, encode, envelope, inbound_change, inbound_message
from common.messages import InboundMessage, Sender, job_id, message_id
from common.queueing import keys as queue_keys
from common.store import keys
from common.store.vault import Vault
from tests.audit import Said, T, new_code
from tests.builders import PHONE_ID, make_settings
from tests.load import answered, audit_of, say
from tests.stack import SECRETS, Stack
from webhook_app.ingest import Ingest

pytestmark = pytest.mark.flow
EIGHT_DAYS = 8 * 86400


def test_a_message_delivered_three_times_at_once_is_answered_once(relevo: Stack) -> None:
    """The copies arrive while the first is being answered."""
    said = [say(relevo, f"57319905000{n}", duplicates=2) for n in range(5)]
    print("FAULT delivered three times at once:", audit_of(relevo, *said).assert_clean().line())


@pytest.mark.parametrize("later", [3.0, 3600.0, 7 * 86400.0])
def test_a_message_delivered_again_later_is_known(relevo: Stack, later: float) -> None:
    """Also when its job is long gone: what is remembered is the message, for longer than Meta repeats it (7 days)."""
    one = say(relevo, "573199010001")
    relevo.wait_until(lambda: answered(relevo, one), "the answer")
    audit_of(relevo, one).assert_clean()
    mid = message_id(one.wamid)
    again = InboundMessage(one.wamid, PHONE_ID, "text", one.at, Sender(wa_id=one.wa_id), text=f"nota {one.code}")
    with relevo.db() as db:
        db.delete(queue_keys.job(job_id(mid)))
        ingest = Ingest(db, Vault([SECRETS["ENCRYPTION_KEY"]]), make_settings())
        acceptance = ingest.accept([again], now=time.time() + later)
        assert (acceptance.stored, acceptance.duplicates) == (0, 1)
        assert db.ttl(keys.message(T, mid)) > EIGHT_DAYS
        assert not db.exists(queue_keys.job(job_id(mid)))
    print(f"FAULT delivered again after {later:g} s:", audit_of(relevo, one).assert_clean().line())


def test_a_redelivery_in_another_batch_answers_only_what_is_new_in_it(relevo: Stack) -> None:
    """Two known messages come again in one body, around one that is new, and the body itself comes twice."""
    phone, new, at = "573199020001", new_code(), time.time()
    old = [say(relevo, phone), say(relevo, phone)]
    relevo.wait_until(lambda: answered(relevo, *old), "the answers")
    customer = Customer("Ana", phone, "CO.12345678901234567")
    fresh = Said(phone, new, "wamid.rebatched0001==", at)
    messages = [
        inbound_message(customer, {"type": "text", "text": {"body": f"nota {one.code}"}}, wamid=one.wamid, at=one.at)
        for one in (old[1], fresh, old[0])
    ]
    body = encode(envelope("102290129340398", [inbound_change(PHONE_ID, "15550100000", customer, messages)]))
    assert [relevo.simulator.post_webhook(body)[0] for _ in range(2)] == [200, 200]
    relevo.wait_until(lambda: answered(relevo, fresh), "the new one's answer")
    print("FAULT delivered again in another batch:", audit_of(relevo, *old, fresh).assert_clean().line())
