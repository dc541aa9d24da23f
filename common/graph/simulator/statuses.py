"""Which status webhooks follow an accepted message, when, and how they look. Pure but for the given randomness."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.graph.simulator.failures import status_error
from common.graph.simulator.options import Behaviour
from common.graph.simulator.webhooks import Customer, contact_of

_PLAYED_AFTER = 0.5  # seconds after read


@dataclass(frozen=True, slots=True)
class PlannedStatus:
    """`state` is due `after` seconds from the accepted answer."""

    after: float
    state: str
    code: int | None = None
    details: str = ""


def plan(behaviour: Behaviour, rng: random.Random, *, voice: bool = False) -> list[PlannedStatus]:
    """The statuses of a message that arrives, in the order in which they are due.

    Shuffling swaps two neighbours in time, so that `read` may come before `delivered`; Meta promises no order.
    """
    due = [
        PlannedStatus(_jittered(seconds, behaviour.jitter, rng), state)
        for seconds, state in (("sent_seconds", "sent"), ("delivered_seconds", "delivered"), ("read_seconds", "read"))
        for seconds in (getattr(behaviour, seconds),)
        if not (state == "read" and not behaviour.auto_read)
        and not (state == "delivered" and behaviour.auto_read and rng.random() < behaviour.skip_delivered)
    ]
    if voice and behaviour.auto_read:
        due.append(PlannedStatus(due[-1].after + _PLAYED_AFTER, "played"))
    for i in range(len(due) - 1):
        if rng.random() < behaviour.shuffle:
            first, second = due[i], due[i + 1]
            due[i], due[i + 1] = PlannedStatus(first.after, second.state), PlannedStatus(second.after, first.state)
    return due


def failing(behaviour: Behaviour, rng: random.Random, code: int, details: str = "") -> list[PlannedStatus]:
    """The one status of a message that was accepted and then failed."""
    return [PlannedStatus(_jittered(behaviour.delivered_seconds, behaviour.jitter, rng), "failed", code, details)]


def status_parts(
    status: PlannedStatus,
    *,
    wamid: str,
    customer: Customer,
    at: float,
    opaque: str | None,
    category: str,
    contacts: str,
    rng: random.Random,
) -> dict[str, Any]:
    """`contacts` and `statuses` of a webhook value.

    A failed status has no contacts; others may lack the profile or the user id, as seen from Meta.
    """
    item: dict[str, Any] = {"id": wamid, "status": status.state, "timestamp": str(int(at))}
    if customer.wa_id:
        item["recipient_id"] = customer.wa_id
    item["recipient_user_id"] = customer.user_id
    if opaque is not None:
        item["biz_opaque_callback_data"] = opaque
    if status.state in {"sent", "delivered"}:
        item["pricing"] = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": category}
    if status.code is not None:
        item["errors"] = [status_error(status.code, status.details)]
    if status.code is not None or contacts == "none":
        return {"statuses": [item]}
    return {"contacts": _contacts(customer, contacts, rng), "statuses": [item]}


def category_of(body: Mapping[str, Any]) -> str:
    """The pricing category of a message."""
    return "utility" if body.get("type") == "template" else "service"


def _contacts(customer: Customer, how: str, rng: random.Random) -> Sequence[dict[str, Any]]:
    mixed = how == "mixed"
    return [contact_of(customer, profile=not mixed or rng.random() < 0.6, user_id=not mixed or rng.random() < 0.8)]


def _jittered(seconds: float, jitter: float, rng: random.Random) -> float:
    return seconds * (1 + jitter * (2 * rng.random() - 1))
