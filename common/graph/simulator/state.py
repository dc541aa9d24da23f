"""What the simulator remembers: chats, ledger, windows, blocked people. In memory, and every part is bounded.

No I/O and no clock: times are given.
"""

from __future__ import annotations

import base64
import random
import string
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from common.graph.simulator.options import Options
from common.graph.simulator.webhooks import Customer

MOST_CHATS = 5_000
MOST_MESSAGES = 300
MOST_LEDGER = 100_000
MOST_WAMIDS = 200_000
MOST_USERS = 500_000
TYPING_SECONDS = 25.0

_NO_BUBBLE = frozenset({"reaction", "edit", "revoke", "system"})

#: What the chat page offers before anyone has written.
TEST_CUSTOMERS = (
    ("Ana Ríos", "573001112233", None),
    ("Emma Clarke", "447700900123", None),
    ("João Pereira", "5511955501234", None),
    ("Valentina (username)", None, "valentina.m"),
)


@dataclass(slots=True)
class ChatMessage:
    """One bubble. `dir` is seen from the business: `in` is written by the customer.

    status of `in`: sending, sent (the webhook took it), failed, read; of `out`: accepted, sent, delivered, read,
    played, failed.
    """

    wamid: str
    dir: str
    type: str
    at: float
    body: Any
    status: str
    phone_number_id: str
    context: str | None = None
    error: str | None = None
    edited: bool = False
    revoked: bool = False
    reactions: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Chat:
    """One customer, as the chat page and the control API see them."""

    customer: Customer
    messages: deque[ChatMessage] = field(default_factory=lambda: deque(maxlen=MOST_MESSAGES))
    typing_until: float = 0.0
    last_at: float = 0.0

    def last(self, direction: str, kind: str | None = None) -> ChatMessage | None:
        """The newest bubble of a direction, and of a kind when one is asked for."""
        found = (m for m in reversed(self.messages) if m.dir == direction and m.type not in _NO_BUBBLE)
        return next((m for m in found if kind in {None, m.type}), None)

    def summary(self, now: float) -> dict[str, Any]:
        who = self.customer
        return {
            "wa_id": who.key, "name": who.name, "user_id": who.user_id, "phone": who.wa_id, "username": who.username,
            "last_at": self.last_at, "count": len(self.messages), "typing": now < self.typing_until,
            "last": self.messages[-1].as_dict() if self.messages else None,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One accepted send."""

    seq: int
    time: float
    phone_number_id: str
    to: str | None
    recipient: str | None
    key: str
    type: str
    body: Mapping[str, Any]
    opaque: str | None
    wamid: str

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class State:
    """Everything that `reset` forgets, and the source of ids, which it does not."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.random = random.Random(options.seed)
        self._wamids = 0
        self._boot = f"{self.random.getrandbits(32):08X}"
        self._ledger_seq = 0
        self.clear()

    def clear(self) -> None:
        """Forget chats, ledger, windows and blocks."""
        self.chats: OrderedDict[str, Chat] = OrderedDict()
        self.ledger: deque[LedgerEntry] = deque(maxlen=MOST_LEDGER)
        self.last_inbound: OrderedDict[tuple[str, str], float] = OrderedDict()
        self.blocked: set[tuple[str, str]] = set()
        self._keys: dict[str, str] = {}
        self._where: OrderedDict[str, tuple[Chat, ChatMessage]] = OrderedDict()
        if self.options.customers:
            for name, wa_id, username in TEST_CUSTOMERS:
                self.chat(self.customer(wa_id, name=name, username=username))

    def new_wamid(self, key: str) -> str:
        """An id as Meta writes them; never the same twice, over restarts neither (unless seeded)."""
        self._wamids += 1
        raw = f"\x1d\x14\x0b{key[-15:]}\x15\x02\x00\x11\x18\x12{self._boot}{self._wamids:010X}\x00"
        return "wamid." + base64.b64encode(raw.encode()).decode()

    def trace(self) -> str:
        """An fbtrace_id."""
        return "A" + "".join(self.random.choices(string.ascii_letters + string.digits, k=22))

    def customer(
        self, wa_id: str | None, *, user_id: str | None = None, name: str | None = None, username: str | None = None
    ) -> Customer:
        """The customer of a phone or user id: as known, or as they must look if nobody knows them yet."""
        chat = self.find_chat(wa_id or user_id or "")
        if chat and name in {None, chat.customer.name}:
            return chat.customer
        known = chat.customer if chat else None
        seed = wa_id or username or name or "x"
        invented = f"CO.{10**16 + random.Random(seed).getrandbits(53)}"  # the same for a person on every run
        return Customer(
            name=name or (known.name if known else f"+{wa_id}" if wa_id else "Customer"),
            wa_id=wa_id or (known.wa_id if known else None),
            user_id=user_id or (known.user_id if known else invented),
            username=username or (known.username if known else None),
        )

    def chat(self, customer: Customer) -> Chat:
        """The chat of a customer, made when there is none; the longest silent one goes when there are too many."""
        chat = self.chats.get(customer.key)
        if chat is None:
            chat = self.chats[customer.key] = Chat(customer)
            self._keys[customer.user_id] = customer.key
            while len(self.chats) > MOST_CHATS:
                gone = self.chats.popitem(last=False)[1]
                self._keys.pop(gone.customer.user_id, None)
        elif chat.customer != customer:
            chat.customer = customer
            self._keys[customer.user_id] = customer.key
        return chat

    def find_chat(self, name: str) -> Chat | None:
        """The chat of a wa_id or user id."""
        return self.chats.get(name) or self.chats.get(self._keys.get(name, ""))

    def add(self, customer: Customer, message: ChatMessage) -> None:
        """Append a bubble to a customer's chat."""
        chat = self.chat(customer)
        chat.messages.append(message)
        chat.last_at = message.at
        self.chats.move_to_end(customer.key)
        self._where[message.wamid] = (chat, message)
        while len(self._where) > MOST_WAMIDS:
            self._where.popitem(last=False)

    def find_message(self, wamid: str) -> tuple[Chat, ChatMessage] | None:
        return self._where.get(wamid)

    def record(self, entry: LedgerEntry) -> None:
        self.ledger.append(entry)

    def next_seq(self) -> int:
        self._ledger_seq += 1
        return self._ledger_seq

    def ledger_of(self, name: str | None = None, *, since: int = 0) -> Iterator[LedgerEntry]:
        """Accepted sends, oldest first: all, or those to one phone, user id or chat; with a seq above `since`."""
        wanted = name.lstrip("+") if name else None
        newer = takewhile(lambda entry: entry.seq > since, reversed(self.ledger))
        for entry in reversed(list(newer)):
            if wanted is None or wanted in {entry.key, (entry.to or "").lstrip("+"), entry.recipient}:
                yield entry

    def wrote(self, phone_id: str, key: str, at: float) -> None:
        """A customer wrote: their window opens."""
        self.last_inbound[phone_id, key] = at
        self.last_inbound.move_to_end((phone_id, key))
        while len(self.last_inbound) > MOST_USERS:
            self.last_inbound.popitem(last=False)

    def mark_read(self, phone_id: str, wamid: str) -> Chat | None:
        """Blue ticks for an inbound message and those before it; None when nobody wrote that message."""
        chat, target = self.find_message(wamid) or (None, None)
        if chat is None or target is None or target.dir != "in" or target.phone_number_id != phone_id:
            return None
        _read_up_to(chat.messages, target)
        return chat


def _read_up_to(messages: Iterable[ChatMessage], target: ChatMessage) -> None:
    for message in messages:
        if message.dir == "in" and message.phone_number_id == target.phone_number_id:
            message.status = "read"
        if message is target:
            return
