"""The Graph API: messages, read marks, numbers, blocked users. Media are in `media_routes`."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from common.graph.simulator.failures import GraphFailure, status_error
from common.graph.simulator.http import authorise, json_answer, json_body, of, our_number, refuse_unknown, with_fault
from common.graph.simulator.validation import check_product

VERSION = r"/{version:v\d{1,3}\.\d{1,2}}"


def routes() -> list[web.RouteDef]:
    """Each path with and without a version, as at Meta."""
    found: list[web.RouteDef] = []
    for version in (VERSION, ""):
        found += [
            web.post(version + r"/{phone_id:[^/_]+}/messages", post_message),
            web.get(version + r"/{phone_id:[^/_]+}/block_users", list_blocked),
            web.post(version + r"/{phone_id:[^/_]+}/block_users", change_blocked),
            web.delete(version + r"/{phone_id:[^/_]+}/block_users", change_blocked),
        ]
    return found


async def post_message(request: web.Request) -> web.StreamResponse:
    """Send a message, or mark one as read: the same endpoint at Meta."""
    sim = of(request)
    authorise(request)
    phone_id = our_number(request)
    body = check_product(await json_body(request))
    reading = "status" in body
    fault = sim.faults.pick("read" if reading else "messages", _call(phone_id, body)) if sim.faults.rules else None
    if sim.behaviour.latency_seconds:
        await asyncio.sleep(sim.behaviour.latency_seconds)
    if reading:
        return await with_fault(request, fault, lambda _: sim.mark_read(phone_id, body))
    return await with_fault(request, fault, lambda fail: sim.send(phone_id, body, fail))


async def get_number(request: web.Request, phone_id: str) -> web.StreamResponse:
    """GET /{phone_number_id}; called by the media route, for ids look alike."""
    sim = of(request)
    fault = sim.faults.pick("number", {"phone_number_id": phone_id})
    number = {
        "verified_name": sim.options.business_name,
        "code_verification_status": "VERIFIED",
        "display_phone_number": "+" + sim.options.display_number(phone_id),
        "quality_rating": "GREEN",
        "platform_type": "CLOUD_API",
        "throughput": {"level": "STANDARD"},
        "id": phone_id,
    }
    return await with_fault(request, fault, lambda _: number)


async def list_blocked(request: web.Request) -> web.StreamResponse:
    """Who is blocked by this number."""
    authorise(request)
    phone_id = our_number(request)
    keys = sorted(key for number, key in of(request).state.blocked if number == phone_id)
    return json_answer({"data": [{"messaging_product": "whatsapp", "wa_id": key} for key in keys]})


async def change_blocked(request: web.Request) -> web.StreamResponse:
    """Block or unblock; partly done work is told as such (139100)."""
    authorise(request)
    phone_id = our_number(request)
    body = check_product(await json_body(request))
    users = body.get("block_users")
    if not isinstance(users, list) or not users or not all(isinstance(u, dict) and u.get("user") for u in users):
        raise GraphFailure(100, message="(#100) The parameter block_users is required.")
    blocking = request.method == "POST"
    done: list[dict[str, str]] = []
    failed: list[dict[str, Any]] = []
    for user in users:
        wa_id = str(user["user"]).lstrip("+")
        if of(request).block(phone_id, wa_id, blocked=blocking):
            done.append({"input": str(user["user"]), "wa_id": wa_id})
        else:
            error = status_error(131047, "The user has not written in the last 24 hours.")
            failed.append({"input": str(user["user"]), "wa_id": wa_id, "errors": [error]})
    answer: dict[str, Any] = {"added_users" if blocking else "removed_users": done}
    if failed:
        answer["failed_users"] = failed
    return json_answer({"messaging_product": "whatsapp", "block_users": answer}, status=400 if failed else 200)


async def unknown_path(request: web.Request) -> web.StreamResponse:
    """Whatever else is asked for, Graph says so in its own words."""
    authorise(request)
    parts = request.path.strip("/").split("/")
    if len(parts) <= 2 and parts[-1].isdigit():
        refuse_unknown(parts[-1], request.method.lower())
    raise GraphFailure(2500, message=f"Unknown path components: /{'/'.join(parts)[:80]}")


def _call(phone_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """What fault rules can match on."""
    text = body.get("text")
    return {
        "phone_number_id": phone_id,
        "to": body.get("to") or body.get("recipient"),
        "type": body.get("type"),
        "opaque": body.get("biz_opaque_callback_data"),
        "text": text.get("body") if isinstance(text, dict) else None,
    }
