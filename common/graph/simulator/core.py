"""The simulator itself: what a Graph call does to the state, and which webhooks follow."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from common.clock import Clock
from common.graph.simulator.conversation import (
    advance,
    inbound_bubble,
    messages_of,
    outbound_bubble,
    scene_of,
    touched_by,
)
from common.graph.simulator.delivery import WebhookSender
from common.graph.simulator.failures import GraphFailure
from common.graph.simulator.faults import Faults
from common.graph.simulator.feed import Feed
from common.graph.simulator.limits import NumberLimiter, PairLimiter
from common.graph.simulator.media import MediaStore
from common.graph.simulator.options import Behaviour, ControlError, Options
from common.graph.simulator.state import TYPING_SECONDS, ChatMessage, LedgerEntry, State
from common.graph.simulator.statuses import PlannedStatus, category_of, failing, plan, status_parts
from common.graph.simulator.validation import BSUID, check_message, recipient
from common.graph.simulator.webhooks import Customer, inbound_change, inbound_message, messages_change


class Simulator:
    """One Meta: some numbers, one token, one webhook. Not thread-safe; lives on one event loop."""

    def __init__(self, options: Options, clock: Clock, behaviour: Behaviour | None = None) -> None:
        self.options = options
        self.clock = clock
        self.behaviour = self.initial_behaviour = behaviour or Behaviour()
        self.state = State(options)
        self.media = MediaStore(options.app_secret)
        self.faults = Faults()
        self.feed = Feed()
        self.sender = WebhookSender(options, lambda: self.behaviour, self.state.random, self._taken)
        self._limit_numbers = NumberLimiter()
        self._limit_pairs = PairLimiter()

    def now(self) -> float:
        return self.clock.now() + self.behaviour.clock_offset

    def reset(self) -> None:
        """As just started: no chats, ledger, faults, waiting webhooks; behaviour as given at the start."""
        self.behaviour = self.initial_behaviour
        self.state.clear()
        self.media.reset()
        self.faults.clear()
        self.sender.forget()
        self._limit_numbers = NumberLimiter()
        self._limit_pairs = PairLimiter()
        self.feed.publish("reset")

    # -- Graph -------------------------------------------------------------------------------------------------------

    def send(self, phone_id: str, body: Mapping[str, Any], fail: tuple[int, str] | None = None) -> dict[str, Any]:
        """POST /{phone_id}/messages: check as Meta does, accept, plan the statuses. Returns Graph's answer.

        Raises:
            GraphFailure: refused; nothing is in the ledger.
        """
        if self.behaviour.strict_body:
            check_message(body)
        phone, user_id = recipient(body)
        customer = self.state.customer(self._wa_id(phone) if phone else None, user_id=user_id)
        now = self.now()
        self._check_limits(phone_id, customer, now)
        outside = self._outside_window(phone_id, customer, body, now)
        if outside and self.behaviour.window_error == "sync":
            raise GraphFailure(131047, _WINDOW_DETAILS)
        wamid = self.state.new_wamid(customer.key)
        kind = str(body.get("type", "text"))
        entry = LedgerEntry(
            self.state.next_seq(), now, phone_id, body.get("to"), body.get("recipient"), customer.key, kind, body,
            body.get("biz_opaque_callback_data"), wamid,
        )  # fmt: skip
        self.state.record(entry)
        bubble = outbound_bubble(body, wamid, phone_id, now)
        self._show(customer, bubble)
        if outside:
            fail = (131047, _WINDOW_DETAILS)
        elif not fail and not self._media_known(body):
            fail = (131053, "Media not found.")
        self._plan_statuses(entry, customer, bubble, fail)
        contact = {"input": body["to"], "wa_id": customer.wa_id} if phone else {"input": user_id, "user_id": user_id}
        return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": wamid}]}

    def mark_read(self, phone_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST /{phone_id}/messages with status "read": blue ticks, and typing when asked.

        Raises:
            GraphFailure: 100 or 131009.
        """
        if body.get("status") != "read":
            raise GraphFailure(100, 'Param status must be "read".')
        wamid, typing = body.get("message_id"), body.get("typing_indicator")
        if typing is not None and (not isinstance(typing, dict) or typing.get("type") != "text"):
            raise GraphFailure(131009, 'typing_indicator.type must be "text".')
        chat = self.state.mark_read(phone_id, wamid) if isinstance(wamid, str) else None
        if chat is None:
            if self.behaviour.strict_body or not isinstance(wamid, str):
                raise GraphFailure(131009, "message_id is not the id of a message that this number received.")
            return {"success": True}
        self.feed.publish("read", chat=chat.customer.key, wamid=wamid)
        if typing:
            chat.typing_until = self.now() + TYPING_SECONDS
            self.feed.publish("typing", chat=chat.customer.key, seconds=TYPING_SECONDS)
        return {"success": True}

    def block(self, phone_id: str, wa_id: str, *, blocked: bool) -> bool:
        """Block or unblock a customer; only who wrote within the window can be blocked."""
        customer = self.state.customer(wa_id)
        last = self.state.last_inbound.get((phone_id, customer.key))
        if blocked and (last is None or self.now() - last > self.behaviour.window_seconds):
            return False
        (self.state.blocked.add if blocked else self.state.blocked.discard)((phone_id, customer.key))
        return True

    # -- the customer's side -----------------------------------------------------------------------------------------

    async def say(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A customer writes. Returns wamids and what the webhook answered; see `control_routes` for the request.

        Raises:
            ControlError: the request makes no sense.
        """
        phone_id = str(request.get("phone_number_id") or self.options.phone_ids[0])
        customer = self._customer(request)
        business = self.options.display_number(phone_id)
        scene = scene_of(self.state.find_chat(customer.key), customer, business, self.media.samples)
        raw = messages_of(request, scene)
        now = self.now()
        hidden = bool(request.get("bsuid_only"))
        shown = Customer(customer.name, None, customer.user_id, customer.username) if hidden else customer
        messages = [
            inbound_message(shown, message, wamid=self.state.new_wamid(customer.key), at=now) for message in raw
        ]
        for message in messages:
            self._hear(phone_id, customer, inbound_bubble(message, phone_id, now))
        change = inbound_change(phone_id, business, shown, messages)
        wamids = [str(message["id"]) for message in messages]
        status, answer = await self.sender.post([change], wamids)
        again = [await self.sender.post([change]) for _ in range(int(request.get("duplicates") or 0))]
        return {
            "wamid": wamids[0], "wamids": wamids, "wa_id": customer.key, "user_id": customer.user_id, "status": status,
            "answer": answer, "duplicate_statuses": [code for code, _ in again],
        }  # fmt: skip

    def seen(self, key: str) -> int:
        """The customer opens the chat: everything delivered there is read. Returns how many messages."""
        chat = self.state.find_chat(key)
        unread = [m for m in chat.messages if m.dir == "out" and m.status in {"sent", "delivered"}] if chat else []
        for message in unread:
            found = self._find_entry(message.wamid)
            if chat and found:
                self._status(found, chat.customer, message, PlannedStatus(0, "read"))
        return len(unread)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _customer(self, request: Mapping[str, Any]) -> Customer:
        name, wa_id, user_id = request.get("name"), request.get("wa_id"), request.get("user_id")
        if isinstance(wa_id, str) and BSUID.fullmatch(wa_id):
            wa_id, user_id = None, wa_id
        if wa_id is not None:
            wa_id = re.sub(r"[^0-9]", "", str(wa_id))
        if not wa_id and not user_id:
            raise ControlError("say needs wa_id (digits) or user_id (business-scoped, like CO.123)")
        username = request.get("username")
        return self.state.customer(
            wa_id, user_id=str(user_id) if user_id else None, name=str(name) if name else None, username=username
        )

    def _hear(self, phone_id: str, customer: Customer, bubble: ChatMessage) -> None:
        now = bubble.at
        self._limit_numbers.take(phone_id, now, self.behaviour.number_rate, always=True)
        if bubble.type not in {"reaction", "system"}:
            self.state.wrote(phone_id, customer.key, now)
        self._show(customer, bubble)

    def _show(self, customer: Customer, bubble: ChatMessage) -> None:
        self.state.add(customer, bubble)
        touched = touched_by(self.state, bubble)
        chat = self.state.chat(customer)
        if bubble.dir == "out":
            chat.typing_until = 0.0
        self._tell("message", customer, bubble)
        if touched:
            self._tell("update", customer, touched)

    def _tell(self, kind: str, customer: Customer, bubble: ChatMessage) -> None:
        if self.feed.heard:
            self.feed.publish(kind, chat=customer.key, name=customer.name, message=bubble.as_dict())

    def _taken(self, wamids: Sequence[str], ok: bool) -> None:
        for wamid in wamids:
            found = self.state.find_message(wamid)
            if found and found[1].status in {"sending", "failed"}:
                found[1].status = "sent" if ok else "failed"
                self._tell("update", found[0].customer, found[1])

    def _wa_id(self, phone: str) -> str:
        """The WhatsApp id of a phone number: Brazil and Mexico are written differently there."""
        if self.behaviour.rewrite_wa_id:
            if re.fullmatch(r"55[1-9]\d9\d{8}", phone):
                return phone[:4] + phone[5:]
            if re.fullmatch(r"521\d{10}", phone):
                return "52" + phone[3:]
        return phone

    def _check_limits(self, phone_id: str, customer: Customer, now: float) -> None:
        rules = self.behaviour
        if customer.wa_id == self.options.display_number(phone_id):
            raise GraphFailure(131021)
        if (phone_id, customer.key) in self.state.blocked:
            raise GraphFailure(130403)
        if rules.strict_number and not self._limit_numbers.take(phone_id, now, rules.number_rate):
            raise GraphFailure(
                130429,
                "Message failed to send because there were too many messages sent from this phone number "
                "in a short period of time.",
                status=rules.rate_limit_status,
            )
        pair = (phone_id, customer.key)
        if rules.strict_pair and not self._limit_pairs.take(
            pair, now, burst=rules.pair_burst, seconds=rules.pair_seconds, debt=rules.pair_debt
        ):
            raise GraphFailure(131056, "Message failed to send because there were too many messages sent to this user.")

    def _outside_window(self, phone_id: str, customer: Customer, body: Mapping[str, Any], now: float) -> bool:
        if not self.behaviour.strict_window or body.get("type") == "template":
            return False
        last = self.state.last_inbound.get((phone_id, customer.key))
        return last is None or now - last > self.behaviour.window_seconds

    def _media_known(self, body: Mapping[str, Any]) -> bool:
        part = body.get(str(body.get("type", "text")))
        media_id = part.get("id") if isinstance(part, dict) and body.get("type") != "interactive" else None
        return media_id is None or self.media.get(str(media_id)) is not None

    def _plan_statuses(
        self, entry: LedgerEntry, customer: Customer, bubble: ChatMessage, fail: tuple[int, str] | None
    ) -> None:
        rng, behaviour = self.state.random, self.behaviour
        if not behaviour.statuses:
            return
        voice = isinstance(bubble.body, dict) and bubble.type == "audio" and bubble.body.get("voice") is True
        planned = failing(behaviour, rng, *fail) if fail else plan(behaviour, rng, voice=voice)
        for status in planned:
            self._status(entry, customer, bubble, status)

    def _status_change(
        self, entry: LedgerEntry, customer: Customer, bubble: ChatMessage, status: PlannedStatus
    ) -> dict[str, Any] | None:
        if status.state == "read" and bubble.status in {"read", "played"}:
            return None  # the customer had the chat open already
        if advance(bubble, status.state, f"{status.code}: {status.details}" if status.code else None):
            self._tell("update", customer, bubble)
        parts = status_parts(
            status,
            wamid=entry.wamid,
            customer=customer,
            at=self.now(),
            opaque=entry.opaque,
            category=category_of(entry.body),
            contacts=self.behaviour.status_contacts,
            rng=self.state.random,
        )
        return messages_change(entry.phone_number_id, self.options.display_number(entry.phone_number_id), **parts)

    def _status(self, entry: LedgerEntry, customer: Customer, bubble: ChatMessage, status: PlannedStatus) -> None:
        self.sender.later(status.after, lambda: self._status_change(entry, customer, bubble, status))

    def _find_entry(self, wamid: str) -> LedgerEntry | None:
        return next((entry for entry in reversed(self.state.ledger) if entry.wamid == wamid), None)


_WINDOW_DETAILS = (
    "Message failed to send because more than 24 hours have passed since the customer last replied to this number."
)
