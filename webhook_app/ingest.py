"""Store what a webhook said, all of one POST in one Redis round trip, before Meta gets its 200."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from redis import Redis
from redis.exceptions import RedisError

from common.channels.whatsapp.preferences import preference_of
from common.clock import iso
from common.conversations import scripts
from common.conversations.commands import day
from common.conversations.identity import identify
from common.errors import StoreUnavailable
from common.handover.opting import OPTED_OUT, wish
from common.messages import (
    DEFAULT_TENANT,
    Echo,
    InboundMessage,
    OtherUpdate,
    StatusUpdate,
    Update,
    digest,
    job_id,
)
from common.pii.redact import redact
from common.queueing.job import JobSpec
from common.queueing.queues import ANSWER, WHATSAPP_AI
from common.settings import Settings
from common.store.scripts import Arg, Call, run_batch
from common.store.vault import Vault

_BLANK, _BLANK_TIME = "m-blank", 1.5  # stand where a job of its kind has its own
#: Kinds of messages whose text the customer chose: by keys, or by a button of a template.
_WORDS = frozenset({"text", "button", "interactive", "edit"})
STATUSES_A_CALL = 100  # keeps one script well below a millisecond of Redis


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What became of the items of a POST."""

    stored: int = 0
    duplicates: int = 0
    statuses: int = 0
    other: int = 0


class _JobForm:
    """The job of an inbound message with its id and time left blank: all jobs of a kind differ in nothing else."""

    def __init__(self, spec: JobSpec) -> None:
        fields = spec.fields(_BLANK_TIME)
        stamp, blank = iso(_BLANK_TIME), _BLANK.encode()
        self._fields = fields
        self._times = [i for i, value in enumerate(fields) if value == stamp]
        self._data = next(i for i, value in enumerate(fields) if isinstance(value, bytes) and blank in value)
        self._before, self._after = cast("bytes", fields[self._data]).split(blank)

    def fields(self, mid: str, stamp: str) -> list[Arg]:
        """`JobSpec.fields` of the job of message `mid`, made at `stamp` (ISO)."""
        filled = self._fields.copy()
        for i in self._times:
            filled[i] = stamp
        filled[self._data] = self._before + mid.encode() + self._after
        return filled


class Ingest:
    """The door in."""

    def __init__(self, db: Redis, vault: Vault, settings: Settings) -> None:
        self._db = db
        self._vault = vault
        self._ttl = settings.transcript_days * 86400
        self._quiet = settings.quiet_seconds
        self._attempts = settings.retry_attempts
        self._timeout = settings.job_timeout_seconds
        self._region = settings.default_country
        self._replicas = settings.redis_ack_replicas
        self._opting = {"out": settings.opt_out_words, "again": settings.opt_in_words}
        self._forms: dict[str, _JobForm] = {}  # by kind of message, of which there are a few

    def accept(self, updates: Sequence[Update], *, now: float) -> Acceptance:
        """Store all of `updates`, each once, however often Meta sends them.

        Raises:
            StoreUnavailable: one could not be stored; what was stored stays, and a redelivery completes the rest.
        """
        calls = self.calls(updates, now=now)
        if not calls:
            return Acceptance()
        try:
            results: Sequence[Any] | RedisError = run_batch(self._db, calls, replicas=self._replicas)
        except RedisError as error:
            results = error
        return self.acceptance(calls, results)

    def calls(self, updates: Sequence[Update], *, now: float) -> list[Call]:
        """What stores `updates`, for one round trip: `acceptance` reads what comes of it."""
        return list(self._calls(updates, now))

    @staticmethod
    def acceptance(calls: Sequence[Call], results: Sequence[Any] | RedisError) -> Acceptance:
        """What the `results` of `calls` say: one per call, or why there are none.

        Raises:
            StoreUnavailable: one could not be stored.
        """
        if isinstance(results, RedisError):
            raise StoreUnavailable(f"Redis does not answer: {results}") from results
        stored = duplicates = statuses = other = 0
        for call, result in zip(calls, results, strict=True):
            if isinstance(result, RedisError):
                raise StoreUnavailable(f"Redis refused {call.script.name}: {result}") from result
            if call.script is scripts.INGEST_STATUSES:
                statuses += result[0] + result[1]
            elif not result:
                duplicates += 1
            elif call.script is scripts.INGEST_OTHER:
                other += 1
            else:
                stored += 1
        return Acceptance(stored, duplicates, statuses, other)

    def _calls(self, updates: Sequence[Update], now: float) -> Iterator[Call]:
        stamp, today = iso(now), day(now)
        statuses = []
        for n, update in enumerate(updates):
            match update:
                case InboundMessage():  # a microsecond apart: a repetition in one POST is not this call made again
                    yield self._message(update, now + n * 1e-6, stamp, today)
                case StatusUpdate():
                    statuses.append(update)
                case Echo():
                    yield self._echo(update, now, today)
                case OtherUpdate():
                    yield self._other(update, now, today)
        for i in range(0, len(statuses), STATUSES_A_CALL):
            fields = itertools.chain.from_iterable(map(self._status, statuses[i : i + STATUSES_A_CALL]))
            yield Call(scripts.INGEST_STATUSES, (DEFAULT_TENANT, now, today, *fields))

    def _message(self, message: InboundMessage, now: float, stamp: str, today: str) -> Call:
        who = identify(message.sender, self._vault, group_id=message.group_id)
        mid = message.mid
        form = self._forms.get(message.kind) or self._forms.setdefault(message.kind, self._form(message.kind))
        return Call(
            scripts.INGEST_MESSAGE,
            (
                DEFAULT_TENANT, now, stamp, today, self._ttl, mid, message.kind, message.sent_at,
                message.phone_number_id, self._vault.seal(orjson.dumps(_kept(message))), who.candidate, who.who,
                who.label, who.tail, int(message.opens_window), digest(message.refers_to) if message.refers_to else "",
                "s-" + mid[2:18], self._quiet, job_id(mid), WHATSAPP_AI, self._wish(message), OPTED_OUT,
                len(who.aliases), *who.aliases, *form.fields(mid, stamp),
            ),
        )  # fmt: skip

    def _wish(self, message: InboundMessage) -> str:
        """An opting out counts from its 200 on, not from when a worker gets to it: an answer may be on its way."""
        if message.group_id or message.kind not in _WORDS:
            return ""
        return wish(message.text, **self._opting) or ""

    def _form(self, kind: str) -> _JobForm:
        return _JobForm(
            JobSpec(
                id="wa-form",
                queue=WHATSAPP_AI,
                func=ANSWER,
                kwargs={"tenant": DEFAULT_TENANT, "message": _BLANK},
                attempts=self._attempts,
                timeout=self._timeout,
                description=f"answer {kind}",
            )
        )

    def _echo(self, echo: Echo, now: float, today: str) -> Call:
        who = identify(echo.recipient, self._vault)
        text = redact(echo.text or "", region=self._region).text
        return Call(
            scripts.INGEST_ECHO,
            (
                DEFAULT_TENANT, now, today, self._ttl, echo.mid, self._vault.seal(echo.wamid.encode()),
                digest(echo.wamid), echo.kind, echo.sent_at, echo.phone_number_id,
                self._vault.seal(orjson.dumps(echo.raw)), text, who.candidate, who.who, who.tail, *who.aliases,
            ),
        )  # fmt: skip

    def _other(self, update: OtherUpdate, now: float, today: str) -> Call:
        raw = self._vault.seal(orjson.dumps(update.raw))
        number = update.phone_number_id or ""
        args = (DEFAULT_TENANT, today, update.dedup, update.kind, number, now, raw)
        said = preference_of(update, received=now)
        if said is None:
            return Call(scripts.INGEST_OTHER, args)
        who, word = identify(said.person, self._vault), "stop" if said.stop else "resume"
        return Call(
            scripts.INGEST_OTHER,
            (*args, word, said.at, self._ttl, who.candidate, who.who, who.tail, *who.aliases),
        )

    def _status(self, status: StatusUpdate) -> tuple[str | bytes | float, ...]:
        ours = status.opaque or ""
        prefix = DEFAULT_TENANT + ":"
        return (
            ours.removeprefix(prefix) if ours.startswith(prefix) else "",
            self._vault.seal(status.wamid.encode()),
            digest(status.wamid),
            status.state,
            status.at,
            status.error_code or "",
            f"{status.error_code}: {status.error_details or status.error_title or ''}" if status.error_code else "",
            status.pricing_category or "",
            status.pricing_type or "",
            "" if status.billable is None else int(status.billable),
        )


def _kept(message: InboundMessage) -> dict[str, object]:
    """What rests sealed: Meta's own words, and what we read in them, so that a worker need not parse again."""
    media = message.media
    return {
        "raw": message.raw,
        "text": message.text,
        "refers_to": message.refers_to,
        "group": bool(message.group_id),
        "name": message.sender.name,
        "mime": media.mime_type if media else None,
    }
