"""What a person at the desk can do to a conversation. Every rule is checked in the store, not in the page."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from functools import lru_cache

import orjson
from redis import Redis

from common.clock import iso
from common.conversations import scripts
from common.errors import CommandRefused
from common.handover.opting import OPTED_OUT
from common.messages import digest
from common.pii.redact import redact
from common.queueing.job import JobSpec
from common.queueing.queues import MESSAGES, SEND_MESSAGE
from common.store import keys
from common.store.vault import Vault

TEXT_MAX = 4096  # Cloud API limit of text.body

_WHY_NOT = {
    "gone": "This conversation no longer exists.",
    "bot": "The bot answers here: take the conversation over first.",
    "waiting": "Nobody has taken this conversation over yet: take it over first.",
    "closed": "This conversation is closed: take it over to write again.",
    "window": "The customer's last message is more than 24 hours old: WhatsApp only allows a template now.",
}


class Desk:
    """Actions of a support agent; each writes the audit stream first.

    Args:
        region: country (ISO alpha-2) whose phone numbers and ids are redacted in stored text.
    """

    def __init__(self, db: Redis, vault: Vault, *, transcript_days: int, region: str, attempts: int = 5) -> None:
        self._db = db
        self._vault = vault
        self._ttl = transcript_days * 86400
        self._region = region
        self._attempts = attempts

    def take_over(self, tenant: str, cid: str, *, actor: str, now: float) -> None:
        """`actor` answers from now on; an answer of the bot that has not left yet never will.

        Raises:
            CommandRefused: somebody else has it, or it is gone.
        """
        self._audit(tenant, actor, "take_over", cid)
        ok, owner, agent = self._own(tenant, cid, "human", now, "taken over", actor, "bot|waiting|closed")
        if not ok and not (owner == "human" and agent == actor):
            raise CommandRefused(f"{agent} has this conversation." if owner == "human" else _WHY_NOT["gone"])

    def hand_back(self, tenant: str, cid: str, *, actor: str, now: float) -> None:
        """The bot answers again, from the customer's next message on."""
        self._audit(tenant, actor, "hand_back", cid)
        ok, owner, _ = self._own(tenant, cid, "bot", now, "", "", "human|waiting")
        if not ok and owner != "bot":
            raise CommandRefused(_WHY_NOT["gone" if not owner else "closed"])

    def close(self, tenant: str, cid: str, *, actor: str, now: float) -> None:
        """Done: the customer's next message starts with the bot again."""
        self._audit(tenant, actor, "close", cid)
        ok, owner, _ = self._own(tenant, cid, "closed", now, "", "", "human|waiting|bot")
        if not ok and not owner:
            raise CommandRefused(_WHY_NOT["gone"])

    def reply(self, tenant: str, cid: str, text: str, *, actor: str, now: float) -> str:
        """Send `text` to the customer; returns the mid of the new bubble.

        Raises:
            CommandRefused: empty or too long, not taken over, or the service window is closed.
        """
        text = text.strip()
        if not text:
            raise CommandRefused("Write something first.")
        if len(text) > TEXT_MAX:
            raise CommandRefused(f"The text has {len(text):,} characters; WhatsApp allows {TEXT_MAX:,}.")
        mid = "o-" + digest(uuid.uuid4().hex)
        job = JobSpec(
            id="out-" + mid.removeprefix("o-"),
            queue=MESSAGES,
            func=SEND_MESSAGE,
            kwargs={"tenant": tenant, "message": mid},
            attempts=self._attempts,
            description="answer of a person",
        )
        self._audit(tenant, actor, "reply", cid)
        body = self._vault.seal(orjson.dumps({"type": "text", "text": {"body": text, "preview_url": True}}))
        verdict = scripts.DESK_REPLY(
            self._db, tenant, cid, mid, now, iso(now), day(now), self._ttl, actor,
            redact(text, region=self._region).text, body, job.id, job.queue, *job.fields(now),
        ).decode()  # fmt: skip
        if verdict != "ok":
            other = verdict.removeprefix("agent:")
            raise CommandRefused(_WHY_NOT.get(verdict) or f"{other} has this conversation: ask them to hand it back.")
        return mid

    def opt_out(self, tenant: str, cid: str, *, actor: str, now: float) -> None:
        """The customer told `actor` that they want no more messages: the bot writes nothing more."""
        self._opt(tenant, cid, actor, now, out=True)

    def opt_in(self, tenant: str, cid: str, *, actor: str, now: float) -> None:
        """The customer told `actor` that they want messages again: the bot answers from the next one on."""
        self._opt(tenant, cid, actor, now, out=False)

    def mark_read(self, tenant: str, cid: str) -> None:
        """The desk has seen what the customer wrote."""
        scripts.DESK_READ(self._db, tenant, cid)

    def _opt(self, tenant: str, cid: str, actor: str, now: float, *, out: bool) -> None:
        self._audit(tenant, actor, "opt_out" if out else "opt_in", cid)
        if not scripts.DESK_OPT(self._db, tenant, cid, int(out), actor, now, OPTED_OUT):
            raise CommandRefused(_WHY_NOT["gone"])

    def _own(
        self, tenant: str, cid: str, owner: str, now: float, reason: str, agent: str, allowed: str
    ) -> tuple[bool, str, str]:
        ok, before, held_by = scripts.DESK_OWNER(self._db, tenant, cid, owner, now, reason, agent, allowed)
        return bool(ok), before.decode(), held_by.decode()

    def _audit(self, tenant: str, actor: str, action: str, target: str) -> None:
        audit(self._db, tenant, actor=actor, action=action, target=target)


def audit(db: Redis, tenant: str, *, actor: str, action: str, target: str, why: str = "") -> None:
    """Append to the audit stream. Never holds what a customer wrote."""
    fields = {"actor": actor, "action": action, "target": target, "why": why}
    db.xadd(keys.audit(tenant), fields, maxlen=1_000_000, approximate=True)  # type: ignore[arg-type]


def day(now: float) -> str:
    """The UTC day of `now` as yyyymmdd: the name of a day's counters."""
    return _day(int(now // 86400))


@lru_cache(maxsize=8)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * 86400, UTC).strftime("%Y%m%d")
