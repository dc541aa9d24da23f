"""The values of a turn: `Turn` goes through the steps, `Services` is what steps may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol

from redis.asyncio import Redis

from common.ai.base import AIProvider, AIResult, ChatTurn, Snippet
from common.clock import Clock
from common.messages import OutboundPart, Sender
from common.pii.redact import Found
from common.queueing.context import JobContext
from common.rag.retrieval import KnowledgeBase
from common.settings import Settings
from common.store.scripts import Call
from common.store.vault import Vault
from workers.delivery import Delivery

#: Kinds whose text is a question or remark to be answered.
SPOKEN = frozenset({"text", "button", "interactive", "order", "location", "contacts", "edit"})
#: Kinds that only say something together with a caption.
MEDIA = frozenset({"image", "video", "document", "audio", "voice"})


class ReadReceipts(Protocol):
    """Blue ticks and the typing indicator."""

    async def mark_read(self, phone_number_id: str, wamid: str, *, typing: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Services:
    """What a worker process has; made once by workers.wiring."""

    settings: Settings
    db: Redis
    vault: Vault
    clock: Clock
    receipts: ReadReceipts
    delivery: Delivery
    ai: AIProvider
    knowledge: KnowledgeBase


class Received(NamedTuple):
    """One message of the turn. `refers` is the mid that it edits, revokes, quotes or reacts to; times in unix s.

    `wish` is `out` or `in` when it opted its customer out, or in again; `still` when it said out once more.
    """

    mid: str
    wamid: str
    kind: str
    at: float
    received: float
    text: str
    refers: str = ""
    group: bool = False
    wish: str = ""


class Conversation(NamedTuple):
    """The conversation as it stood when the turn was loaded."""

    cid: str
    owner: str
    phone_number_id: str
    window_until: float
    opted_out: bool = False


class Session(NamedTuple):
    """What the bot remembers. `misses` counts answers in a row that did not help; `lang` is the last language seen."""

    history: tuple[ChatTurn, ...] = ()
    misses: int = 0
    lang: str = ""


class Turn(NamedTuple):
    """One batch in, one reply out. A tuple, because every step makes a new one: a dataclass takes ten times as long.

    `outcome` ends the turn: answered | handed_over | left_to_person | ignored | already. `part_ids` are the mids of
    its bubbles; when the turn was loaded with them, an earlier execution had decided everything (`resumed`).
    `joins` says that messages which come while the answer is made shall be part of this turn. `timings` are ms a step.
    """

    tenant: str
    job: JobContext
    now: float
    id: str
    conversation: Conversation
    session: Session
    sender: Sender
    messages: tuple[Received, ...]
    resumed: bool = False
    joins: bool = False
    texts: Mapping[str, str] = MappingProxyType({})
    found: tuple[Found, ...] = ()
    question: str = ""
    lang: str = "es"
    snippets: tuple[Snippet, ...] = ()
    result: AIResult | None = None
    handover: str = ""
    parts: tuple[OutboundPart, ...] = ()
    part_ids: tuple[str, ...] = ()
    new_history: str = ""
    outcome: str = ""
    reason: str = ""
    pending: tuple[Call, ...] = ()
    timings: Mapping[str, float] = MappingProxyType({})

    @property
    def stopped(self) -> bool:
        return bool(self.outcome)
