"""What people do in the console. Each asks Redis who is doing it, checks the role, and writes the audit first.

Knows nothing of Streamlit: a page calls a function and shows the sentence it gets back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from redis import Redis
from redis.exceptions import RedisError

from common.conversations.commands import audit
from common.errors import CommandRefused
from common.queueing import manage
from console.auth.sessions import Session
from console.text import said, t
from console.wiring import Services

#: What a role may do; a viewer only looks.
DESK = frozenset({"take_over", "hand_back", "close", "reply", "mark_read", "opt_in"})
QUEUE = frozenset({"job_retry", "job_delete", "job_promote", "queue_retry_failed", "queue_pause", "queue_resume"})
PERMITS = {"viewer": frozenset[str](), "agent": DESK, "lead": DESK | QUEUE}


class Outcome(NamedTuple):
    """Whether it was done, and the sentence for the person."""

    ok: bool
    sentence: str


def may(session: Session, action: str) -> bool:
    """Whether to offer `action`; the action itself asks again."""
    return action in PERMITS[session.role]


def take_over(on: Services, cid: str) -> Outcome:
    """The conversation is this person's, the bot is silent."""

    def command(me: Session) -> str:
        on.desk.take_over(on.tenant, cid, actor=me.name, now=on.clock.now())
        return t("inbox.taken")

    return _perform(on, "take_over", command)


def hand_back(on: Services, cid: str) -> Outcome:
    """The bot answers again."""

    def command(me: Session) -> str:
        on.desk.hand_back(on.tenant, cid, actor=me.name, now=on.clock.now())
        return t("inbox.handed_back")

    return _perform(on, "hand_back", command)


def close(on: Services, cid: str) -> Outcome:
    """Done for now."""

    def command(me: Session) -> str:
        on.desk.close(on.tenant, cid, actor=me.name, now=on.clock.now())
        return t("inbox.closed_now")

    return _perform(on, "close", command)


def opt_in(on: Services, cid: str) -> Outcome:
    """A customer who had opted out asked for the bot again."""

    def command(me: Session) -> str:
        on.desk.opt_in(on.tenant, cid, actor=me.name, now=on.clock.now())
        return t("inbox.handed_back")

    return _perform(on, "opt_in", command)


def reply(on: Services, cid: str, text: str) -> Outcome:
    """Send `text` to the customer, in this person's name."""

    def command(me: Session) -> str:
        on.desk.reply(on.tenant, cid, text, actor=me.name, now=on.clock.now())
        return ""

    return _perform(on, "reply", command)


def mark_read(on: Services, cid: str) -> Outcome:
    """Whoever has the conversation has seen it."""

    def command(_me: Session) -> str:
        on.desk.mark_read(on.tenant, cid)
        return ""

    return _perform(on, "mark_read", command)


def retry_jobs(on: Services, jobs: Iterable[str]) -> Outcome:
    """Run failed jobs again; what Meta accepted already is not sent twice (the outbox knows)."""
    return _each(on, "job_retry", jobs, lambda job: manage.retry(on.db, job, now=on.clock.now()), "jobs.retried")


def delete_jobs(on: Services, jobs: Iterable[str]) -> Outcome:
    """Take jobs away for good; running ones stay."""
    return _each(on, "job_delete", jobs, lambda job: manage.delete(on.db, job), "jobs.deleted")


def promote_job(on: Services, job: str) -> Outcome:
    """Run a delayed job now."""
    return _each(on, "job_promote", [job], lambda one: manage.promote(on.db, one, now=on.clock.now()), "jobs.retried")


def retry_failed(on: Services, queue: str) -> Outcome:
    """Run every failed job of a queue again."""

    def command(me: Session) -> str:
        audit(on.db, on.tenant, actor=me.name, action="queue_retry_failed", target=queue)
        return t("jobs.retried", n=manage.retry_all(on.db, queue, now=on.clock.now()))

    return _perform(on, "queue_retry_failed", command)


def pause_queue(on: Services, queue: str) -> Outcome:
    """No worker takes a job of this queue from now on."""
    return _switch(on, "queue_pause", queue, manage.pause, "jobs.paused")


def resume_queue(on: Services, queue: str) -> Outcome:
    """Workers take its jobs again."""
    return _switch(on, "queue_resume", queue, manage.resume, "jobs.resumed")


def _switch(on: Services, action: str, queue: str, act: Callable[[Redis, str], None], sentence: str) -> Outcome:
    def command(me: Session) -> str:
        audit(on.db, on.tenant, actor=me.name, action=action, target=queue)
        act(on.db, queue)
        return t(sentence, queue=queue)

    return _perform(on, action, command)


def _each(on: Services, action: str, jobs: Iterable[str], act: Callable[[str], bool], sentence: str) -> Outcome:
    def command(me: Session) -> str:
        done = 0
        for job in jobs:
            audit(on.db, on.tenant, actor=me.name, action=action, target=job)
            done += act(job)
        return t(sentence, n=done)

    return _perform(on, action, command)


def _perform(on: Services, action: str, command: Callable[[Session], str]) -> Outcome:
    try:
        me = on.sessions.get(on.session_id())
        if me is None or not may(me, action):
            return Outcome(False, t("action.forbidden"))
        sentence = command(me)
        on.sessions.touch(me.sid)
    except CommandRefused as refusal:
        return Outcome(False, said(str(refusal)))
    except RedisError:
        return Outcome(False, t("action.failed"))
    return Outcome(True, sentence)
