"""POSTs of 1,000 statuses each, of messages that we have sent: every one moves its message on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from redis import Redis

from bench.figures import percentile
from bench.loader import NUMBER, Line, request, webhook
from bench.phases.size import Figures, Size, alone
from bench.rig import PATH, Meter, Rig
from common.messages import DEFAULT_TENANT, digest
from common.store import keys

A_POST, STATES = 1000, ("sent", "delivered", "read")


def measure(size: Size) -> Figures:
    with Rig() as rig:
        taken = rig.backlog(max(2000, size.count(6000)))
        rig.ready_workers()
        sent = rig.wait_delivered(taken, 40)
        time.sleep(0.5)
        rig.end_workers()
        rows = known(rig.db, sent // A_POST * A_POST)
        bodies = [body_of(part, state) for state in STATES for part in chunks(rows)]
        meter = Meter(rig)
        waited = asyncio.run(_post(rig.port, bodies))
        used = meter.done()
        moved = read_by_now(rig.db, rows)
    each = 1000 / len(bodies)  # to ms a POST
    return {
        "statuses": {
            "posts": len(bodies), "moved": moved, "of": len(rows), "p50": percentile(waited, 0.5),
            "p99": percentile(waited, 0.99), "max": max(waited), "web_cpu_ms": used["web"] * each,
            "redis_cpu_ms": used["redis"] * each, "foreign_pct": used["foreign_pct"],
        }
    }  # fmt: skip


def known(db: Redis, sent: int) -> list[tuple[str, str]]:
    """(wamid, our id) of what was sent: the stub numbers its wamids from 1."""
    wamids = [f"wamid.OUT{n + 1}" for n in range(sent)]
    found = db.mget([keys.wamid(DEFAULT_TENANT, digest(wamid)) for wamid in wamids])
    return [(wamid, mid.decode()) for wamid, mid in zip(wamids, found, strict=True) if mid]


def chunks(rows: Sequence[tuple[str, str]]) -> list[Sequence[tuple[str, str]]]:
    """Whole POSTs only; what is left over stays."""
    whole = len(rows) // A_POST * A_POST
    return [rows[start : start + A_POST] for start in range(0, whole, A_POST)]


def body_of(rows: Sequence[tuple[str, str]], state: str) -> bytes:
    """Meta's body of one status for each of these messages."""
    at = str(int(time.time()) + STATES.index(state))
    statuses: list[dict[str, Any]] = [
        {
            "id": wamid, "status": state, "timestamp": at, "recipient_id": "573000000000",
            "biz_opaque_callback_data": f"{DEFAULT_TENANT}:{mid}",
            "conversation": {"id": f"c{n:031x}", "origin": {"type": "service"}},
            "pricing": {"billable": False, "pricing_model": "PMP", "category": "service", "type": "regular"},
        }
        for n, (wamid, mid) in enumerate(rows)
    ]  # fmt: skip
    metadata = {"display_phone_number": "15550783881", "phone_number_id": NUMBER}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "statuses": statuses}
    return webhook([{"value": value, "field": "messages"}])


def read_by_now(db: Redis, rows: Sequence[tuple[str, str]]) -> int:
    """How many stand as read: proof that the statuses were worked off and not just taken."""
    pipe = db.pipeline(transaction=False)
    for _, mid in rows:
        pipe.hget(keys.message(DEFAULT_TENANT, mid), "state")
    return sum(state == b"read" for state in pipe.execute())


async def _post(port: int, bodies: Sequence[bytes]) -> list[float]:
    """ms of each, one after the other."""
    line, waited = Line(port), []
    for body in bodies:
        data = request(PATH, body)
        began = time.perf_counter()
        status = await line.post(data)
        waited.append((time.perf_counter() - began) * 1000)
        if status != 200:
            raise SystemExit(f"a POST of statuses was answered with {status}")
    line.close()
    return waited


def main(argv: Sequence[str] = ()) -> None:
    alone(measure, argv)
