"""The first conversation of a fresh `make up`: two customers write through the real webhook, signed as Meta signs."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import requests
from redis import Redis

from common.messages import DEFAULT_TENANT
from common.store import keys


@dataclass(frozen=True, slots=True)
class Customer:
    """Who writes, and what, one after the other: the next text once the last was answered."""

    wa_id: str
    name: str
    texts: tuple[str, ...]


CUSTOMERS = (
    Customer(
        "573001112233",
        "Ana Restrepo",
        ("¡Hola! ¿Qué me recomiendan para la piel seca?", "¿Cuánto cuesta el envío y cuánto tarda?"),
    ),
    Customer(
        "573104445566",
        "Bruno Díaz",
        ("Buenas, ¿puedo devolver un producto que no me gustó?", "Prefiero hablar con una persona, por favor"),
    ),
)

#: Seconds to wait for each answer, and that a customer reads it before writing again.
PATIENCE, READING = 20.0, 1.0


def is_first(db: Redis) -> bool:
    """Whether nobody has ever written to this store."""
    return not db.zcard(keys.index(DEFAULT_TENANT, "all"))


def play(simulator: str) -> float | None:
    """All customers at once, through the simulator at this base URL.

    Returns:
        Seconds from the first message to the first answer; None when there was none.
    """
    with ThreadPoolExecutor(len(CUSTOMERS)) as pool:
        waits = list(pool.map(lambda customer: _talk(simulator, customer), CUSTOMERS))
    return min((wait for wait in waits if wait is not None), default=None)


def _talk(simulator: str, customer: Customer) -> float | None:
    first: float | None = None
    try:
        for text in customer.texts:
            if first is not None:
                time.sleep(READING)
            waited = _say(simulator, customer, text)
            if waited is None:
                break
            first = first or waited
    except requests.RequestException:  # a demonstration that fails ends nothing
        pass
    return first


def _say(simulator: str, customer: Customer, text: str) -> float | None:
    """Seconds until `text` was answered; None when it was not."""
    had = _received(simulator, customer)
    said = time.monotonic()
    body = {"wa_id": customer.wa_id, "name": customer.name, "text": text}
    requests.post(f"{simulator}/_sim/say", json=body, timeout=10).raise_for_status()
    while _received(simulator, customer) == had:
        if time.monotonic() - said > PATIENCE:
            return None
        time.sleep(0.05)
    return time.monotonic() - said


def _received(simulator: str, customer: Customer) -> int:
    ledger = requests.get(f"{simulator}/_sim/ledger", params={"to": customer.wa_id}, timeout=10)
    return len(ledger.json())
