"""kill -9 of web, worker and scheduler at every numbered point of a message's way, before and after it.

The points are those of the design, section 3: 1 accept, 2 claim and finish, 3 the turn, 4 deliver, 5 failure, 6 status
webhooks. Whoever dies is started again, as by any supervisor; each customer gets each answer, once.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import requests

from common.conversations.commands import day
from common.messages import message_id
from common.store import keys
from tests.audit import Audit, Said, T, leftovers, new_code
from tests.conftest import ROOT
from tests.echo_model import EchoModel
from tests.faults.conftest import GENEROUS, QUICK
from tests.load import answered, audit_of, conversation_of, desk_of, say
from tests.stack import Stack

pytestmark = pytest.mark.flow
KINDS = ("web", "worker", "scheduler")
SIDES = pytest.mark.parametrize("side", ["before", "after"])
_phones = (f"57319600{n:04d}" for n in itertools.count())


class Doomed(Stack):
    """A stack whose web, worker and scheduler can be made to die at a door (see `tests.faults.crashing`)."""

    def run(self, name: str, **settings: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.crashing", name], env={**self.environment(), **settings},
                stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=ROOT,
            )  # fmt: skip

    def doom(self, name: str, door: str, side: str) -> None:
        """The process that serves ends; the next one dies at `door`."""
        order = self.processes[name].stdin
        assert order is not None
        armed = self._told(name, "armed")
        order.write(f"{door} {side}\n".encode())
        order.flush()
        self.wait_until(lambda: self._told(name, "armed") > armed, f"{name} that dies {side} {door}")
        if name == "web":
            self.wait_until(self._serves, "web")

    def died(self, name: str) -> None:
        """Wait until it has."""
        self.wait_until(lambda: self._told(name, "killed") == self._told(name, "armed"), f"the death of {name}")

    def _told(self, name: str, word: str) -> int:
        return (self.folder / f"{name}.log").read_text(errors="replace").count(f"crashing: {word}")

    def _serves(self) -> bool:
        try:
            return requests.get(f"{self.web_url}/healthz", timeout=1).ok
        except requests.RequestException:
            return False


@pytest.fixture(scope="module")
def relevo(tmp_path_factory: pytest.TempPathFactory, model: EchoModel) -> Iterator[Doomed]:
    """Short leases and waits; the settle time is longer than it takes to start web again."""
    shorter = {"WORKER_LEASE_SECONDS": "1", "SETTLE_SECONDS": "2", "GRAPH_TIMEOUT_SECONDS": "0.5"}
    shorter |= {"AI_PATIENCE_SECONDS": "0.3", "RETRY_CAP_SECONDS": "0.5"}
    stack = Doomed(tmp_path_factory.mktemp("every-point"), **(QUICK | model.settings() | shorter))
    try:
        stack.start(*KINDS, sim_flags=GENEROUS)
        stack.simulator.settings(redelivery_seconds=0.1, read_seconds=0.3)
        yield stack
    finally:
        stack.stop()


@pytest.fixture(autouse=True)
def _all_is_well_afterwards(relevo: Doomed, model: EchoModel) -> Iterator[None]:
    yield
    relevo.simulator.clear_faults()
    model.mode = "ok"


@pytest.fixture
def phone() -> str:
    """Of a customer of this story only."""
    return next(_phones)


# --- points 2, 3 and 4: the worker in a turn --------------------------------------------------------------------------


@pytest.mark.parametrize("door", ["claim", "load", "begin", "post", "finish"])
@SIDES
def test_an_answer_survives_its_worker(relevo: Doomed, phone: str, door: str, side: str) -> None:
    """Killed at the door: the next worker finishes the turn, and the customer's next message is answered, too."""
    relevo.doom("worker", door, side)
    first = say(relevo, phone)
    relevo.died("worker")
    second = say(relevo, phone)
    show(f"worker at {door}, {side}", all_answered(relevo, first, second))


@pytest.mark.parametrize("door", ["begin", "post", "finish"])
@SIDES
def test_a_person_s_reply_survives_its_worker(relevo: Doomed, phone: str, door: str, side: str) -> None:
    """The same door out, for what a person writes at the desk."""
    first = say(relevo, phone)
    all_answered(relevo, first)
    with relevo.db() as db:
        cid = conversation_of(db, first)
    desk = desk_of(relevo)
    desk.take_over(T, cid, actor="ana", now=time.time())
    relevo.doom("worker", door, side)
    at = time.time()
    desk.reply(T, cid, "Hola, soy Ana", actor="ana", now=at)
    relevo.died("worker")
    desk.reply(T, cid, "¿Sigue ahí?", actor="ana", now=time.time())
    relevo.wait_until(lambda: len(relevo.answers(phone)) >= 3, "both replies")
    audit_of(relevo, first).assert_clean()
    assert relevo.answers(phone)[1:] == ["Hola, soy Ana", "¿Sigue ahí?"]
    delay = relevo.simulator.ledger(to=phone)[1]["time"] - at
    print(f"FAULT worker at {door} of a person's reply, {side}: {delay:.2f} s")


# --- point 5: failure -------------------------------------------------------------------------------------------------


@SIDES
def test_a_wait_survives_its_worker(relevo: Doomed, phone: str, side: str) -> None:
    """Graph answered 500 once, and the worker dies as it writes down that the job waits."""
    relevo.simulator.fail_next("500", match={"to": phone})
    relevo.doom("worker", "later", side)
    one = say(relevo, phone)
    relevo.died("worker")
    show(f"worker at later, {side}", all_answered(relevo, one))


@SIDES
def test_a_spent_attempt_survives_its_worker(relevo: Doomed, model: EchoModel, phone: str, side: str) -> None:
    """The model failed for longer than customers are patient, and the worker dies as it writes the retry down."""
    model.mode = "500"
    relevo.doom("worker", "retry", side)
    one = say(relevo, phone)
    relevo.died("worker")
    model.mode = "ok"
    show(f"worker at retry, {side}", all_answered(relevo, one))


@pytest.mark.parametrize(
    ("door", "side"), [("settle", "before"), ("burial", "before"), ("burial", "after"), ("failed", "after")]
)
def test_a_dead_letter_is_given_to_a_person_once(relevo: Doomed, phone: str, door: str, side: str) -> None:
    """Graph refuses the bubble for good: however far the worker got, the chat waits with its reason, counted once."""
    relevo.simulator.add_fault(code=131026, always=True, match={"to": phone})
    with relevo.db() as db:
        before = buried(relevo)
        relevo.doom("worker", door, side)
        one = say(relevo, phone)
        relevo.died("worker")
        found = audit_of(relevo, one).assert_clean()
        assert (found.answered, found.to_a_person) == (0, 1)
        assert relevo.simulator.ledger(to=phone) == []
        cid = conversation_of(db, one)
        owner, reason = db.hmget(keys.conversation(T, cid), "owner", "reason")
        assert (owner, db.zscore(keys.index(T, "bot"), cid)) == (b"waiting", None)
        assert b"131026" in reason
        assert db.zscore(keys.index(T, "waiting"), cid) is not None
        assert db.hget(keys.message(T, message_id(one.wamid)), "state") == b"dead"
        assert [now - then for now, then in zip(buried(relevo), before, strict=True)] == [1, 1, 1]


@SIDES
def test_a_due_job_survives_its_scheduler(relevo: Doomed, phone: str, side: str) -> None:
    """Killed as it moves a job whose wait is over."""
    relevo.simulator.fail_next("500", match={"to": phone})
    relevo.doom("scheduler", "move", side)
    one = say(relevo, phone)
    relevo.died("scheduler")
    show(f"scheduler at move, {side}", all_answered(relevo, one))


# --- points 1 and 6: webhooks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("door", "side"), [("message", "before"), ("message", "after"), ("answer", "after")])
def test_a_message_survives_its_web(relevo: Doomed, phone: str, door: str, side: str) -> None:
    """Killed before it is stored, stored and not acknowledged, or just acknowledged: Meta delivers what has no 200."""
    relevo.doom("web", door, side)
    code, at = new_code(), time.time()
    posted = relevo.simulator.say(phone, f"nota {code}")
    assert (posted["status"] == 200) is (door == "answer")
    relevo.died("web")
    first, second = Said(phone, code, str(posted["wamid"]), at), say(relevo, phone)
    show(f"web at {door}, {side}", all_answered(relevo, first, second))


@SIDES
def test_a_status_survives_its_web_and_settles_a_bubble(relevo: Doomed, phone: str, side: str) -> None:
    """Graph took a bubble and never said so: its status settles it though web died over it; all ticks are right."""
    calm, hung = next(_phones), phone
    relevo.wait_until(lambda: set(ticks(relevo)) <= {b"read"}, "the ticks of other stories")
    relevo.simulator.fail_next("hang", match={"to": hung})
    relevo.doom("web", "status", side)
    said = [say(relevo, hung), say(relevo, calm)]
    relevo.died("web")
    found = all_answered(relevo, *said)
    for customer in (calm, hung):
        assert len(relevo.answers(customer)) == 1
        relevo.wait_until(lambda customer=customer: ticks(relevo, customer) == [b"read"], "blue ticks")
    show(f"web at status, {side}", found)


# --- what they ask ----------------------------------------------------------------------------------------------------


def all_answered(relevo: Doomed, *said: Said) -> Audit:
    """The audit of messages that a bot has answered, each once."""
    relevo.wait_until(lambda: answered(relevo, *said), "the answers")
    found = audit_of(relevo, *said).assert_clean()
    assert (found.answered, found.to_a_person) == (len(said), 0)
    return found


def show(what: str, found: Audit) -> None:
    print(f"FAULT {what}:", found.line())


def buried(relevo: Doomed) -> list[int]:
    """Dead messages, failed bubbles and chats handed over so far."""
    with relevo.db() as db:
        assert not leftovers(db)
        counts = db.hmget(keys.counters(T, day(time.time())), "dead", "failed", "handed_over")
        return [int(n or 0) for n in counts]


def ticks(relevo: Doomed, customer: str | None = None) -> list[bytes | None]:
    """The states of the bubbles to `customer`, or to all of them, by the store."""
    mids = [str(entry["opaque"]).removeprefix(T + ":") for entry in relevo.simulator.ledger(to=customer)]
    with relevo.db() as db:
        return [db.hget(keys.message(T, mid), "state") for mid in mids]
