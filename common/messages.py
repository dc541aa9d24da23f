"""The values that travel through Relevo: what a webhook says, and what we send.

Imports nothing of ours. Times are unix seconds (float, UTC).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Json = Any
JsonObject = dict[str, Any]
_NOTHING: JsonObject = {}

DEFAULT_TENANT = "default"

#: Delivery states of an outbound message, in the only direction they may move.
#: `failed` and `canceled` stand apart. Source: Cloud API status webhooks.
DELIVERY_ORDER = ("intent", "sending", "accepted", "sent", "delivered", "read", "played")


def digest(*parts: str) -> str:
    """32 hex digits that name `parts`; safe in RQ job ids, where a wamid is not."""
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def message_id(wamid: str) -> str:
    """Our id of an inbound message or echo: `m-` and the digest of its wamid."""
    return "m-" + digest(wamid)


def job_id(mid: str) -> str:
    """The id of the job that promises to deal with inbound message `mid`."""
    return "wa-" + mid.removeprefix("m-")


class Sender(NamedTuple):
    """Who wrote. At least one of `user_id` (business-scoped, first) and `wa_id` (phone) is set."""

    wa_id: str | None = None
    user_id: str | None = None
    parent_user_id: str | None = None
    name: str | None = None
    username: str | None = None


class Media(NamedTuple):
    """A media reference. `sha256` as Meta wrote it (base64 or hex); `url` expires."""

    id: str | None = None
    mime_type: str | None = None
    sha256: str | None = None
    filename: str | None = None
    url: str | None = None
    voice: bool = False
    animated: bool = False


class InboundMessage(NamedTuple):
    """One element of `messages[]`, of any type.

    `kind` is Meta's type (`text`, `image`, ..., `unsupported`), or `unknown` for a type never seen before.
    `text` is what a person would read: body, caption, button or row title, order note; None when there is none.
    `refers_to` is the wamid that this message quotes, reacts to, edits or revokes.
    `opens_window` tells whether it opens the 24 h service window (real messages do; reactions and system notes do not).
    """

    wamid: str
    phone_number_id: str
    kind: str
    sent_at: float
    sender: Sender
    text: str | None = None
    media: Media | None = None
    refers_to: str | None = None
    group_id: str | None = None
    opens_window: bool = True
    raw: JsonObject = _NOTHING

    @property
    def mid(self) -> str:
        return message_id(self.wamid)


@dataclass(frozen=True, slots=True)
class Echo:
    """A message that a human of the business sent from the WhatsApp Business app: a human took over."""

    wamid: str
    phone_number_id: str
    kind: str
    sent_at: float
    recipient: Sender
    text: str | None = None
    raw: JsonObject = field(default_factory=dict)

    @property
    def mid(self) -> str:
        return message_id(self.wamid)


class StatusUpdate(NamedTuple):
    """One element of `statuses[]`. `opaque` is our outbox id when Meta echoes it."""

    wamid: str
    phone_number_id: str
    state: str
    at: float
    opaque: str | None = None
    error_code: int | None = None
    error_title: str | None = None
    error_details: str | None = None
    pricing_category: str | None = None
    pricing_type: str | None = None
    billable: bool | None = None
    raw: JsonObject = _NOTHING


@dataclass(frozen=True, slots=True)
class OtherUpdate:
    """Anything else Meta may say: account fields, history, preferences, errors, unknown shapes.

    `dedup` is a digest of its canonical content, so that a redelivery is not stored twice.
    """

    kind: str
    phone_number_id: str | None
    dedup: str
    raw: Json = None


Update = InboundMessage | Echo | StatusUpdate | OtherUpdate


class OutboundPart(NamedTuple):
    """One bubble to send: the Graph payload without recipient, and how it reads in a transcript.

    `payload` has `type` and the object of that type, e.g. `{"type": "text", "text": {"body": "..."}}`.
    `text` is the readable form, already redacted. `needs_owner` is who must own the conversation at the
    last moment for this bubble to leave: `bot` for answers, `waiting` for the hand-over notice, "" for any;
    `opted_out` for the bot's last line to a customer who wants no more.
    """

    payload: Mapping[str, Any]
    text: str
    needs_owner: str = "bot"
