"""The control API under /_sim/: faults, ledger, chats, speaking as a customer, settings, reset.

POST /_sim/say takes {wa_id | user_id, name?, username?, phone_number_id?, bsuid_only?} and one of
{text, kind (a sample), message (any raw type object), messages}; `batch` repeats it within one POST, `duplicates`
sends the same POST again, `context` quotes a wamid. Answers {wamid, wamids, status, ...}; status 0: not reachable.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson
from aiohttp import web

from common.graph.simulator.faults import PRESETS
from common.graph.simulator.http import Handler, json_answer, of
from common.graph.simulator.options import ControlError
from common.graph.simulator.samples import KINDS
from common.graph.simulator.webhooks import signed_headers


def routes() -> list[web.RouteDef]:
    """The routes of the control API."""
    return [
        web.get("/_sim/health", health),
        web.get("/_sim/faults", get_faults),
        web.post("/_sim/faults", add_faults),
        web.delete("/_sim/faults", clear_faults),
        web.get("/_sim/ledger", ledger),
        web.get("/_sim/chats", chats),
        web.post("/_sim/chats", add_chat),
        web.get("/_sim/chat/{key}", chat),
        web.post("/_sim/chat/{key}/seen", seen),
        web.post("/_sim/say", say),
        web.post("/_sim/webhook", webhook),
        web.get("/_sim/settings", get_settings),
        web.post("/_sim/settings", change_settings),
        web.post("/_sim/reset", reset),
    ]


@web.middleware
async def control_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A wrong control call is told what is wrong; one that another site's page makes is not done."""
    origin = request.headers.get("Origin")
    if origin and origin.partition("://")[2] != request.host and request.path.startswith("/_sim/"):
        return json_answer({"error": "control calls come from the simulator's own page only"}, status=403)
    try:
        return await handler(request)
    except ControlError as error:
        return json_answer({"error": str(error)}, status=400)


async def health(request: web.Request) -> web.StreamResponse:
    """What it is connected to, and what it has counted."""
    sim = of(request)
    return json_answer({
        "ok": True,
        "webhook": sim.options.webhook,
        "verified": sim.sender.verified,
        "counters": asdict(sim.sender.counters),
        "numbers": [{"id": n, "display": sim.options.display_number(n)} for n in sim.options.phone_ids],
        "business_name": sim.options.business_name,
        "accepted": len(sim.state.ledger),
        "kinds": KINDS,
        "presets": list(PRESETS),
    })


async def get_faults(request: web.Request) -> web.StreamResponse:
    """The rules in force and how often each was hit."""
    return json_answer([rule.as_dict() for rule in of(request).faults.rules])


async def add_faults(request: web.Request) -> web.StreamResponse:
    """One rule or a list of them."""
    asked = await _json(request)
    specs = asked if isinstance(asked, list) else [asked]
    return json_answer([of(request).faults.add(spec).as_dict() for spec in specs])


async def clear_faults(request: web.Request) -> web.StreamResponse:
    """Nothing shall go wrong any more."""
    of(request).faults.clear()
    return json_answer({"ok": True})


async def ledger(request: web.Request) -> web.StreamResponse:
    """Accepted sends; `to` filters by phone, user id or chat, `since` by seq."""
    since = request.query.get("since", "0")
    if not since.isdigit():
        raise ControlError("since must be a whole number")
    found = of(request).state.ledger_of(request.query.get("to"), since=int(since))
    return json_answer([entry.as_dict() for entry in found])


async def chats(request: web.Request) -> web.StreamResponse:
    """The 200 chats that changed last."""
    sim = of(request)
    now = sim.now()
    newest = sorted(sim.state.chats.values(), key=lambda chat: -chat.last_at)
    return json_answer([chat.summary(now) for chat in newest[:200]])


async def add_chat(request: web.Request) -> web.StreamResponse:
    """A new test customer: {name, wa_id?}; without a phone number they are known by a user id only."""
    sim = of(request)
    asked = await _object(request)
    name = str(asked.get("name") or "").strip()[:80]
    digits = "".join(c for c in str(asked.get("wa_id") or "") if c in "0123456789")
    if not name or (asked.get("wa_id") and not 7 <= len(digits) <= 15):
        raise ControlError("a customer needs a name, and a phone number of 7 to 15 digits or none")
    username = None if digits else name.lower().replace(" ", ".")
    customer = sim.state.customer(digits or None, name=name, username=username)
    return json_answer(sim.state.chat(customer).summary(sim.now()))


async def chat(request: web.Request) -> web.StreamResponse:
    """One chat with its messages."""
    sim = of(request)
    found = sim.state.find_chat(request.match_info["key"])
    if found is None:
        return json_answer({"error": "nobody has written from or to this id"}, status=404)
    return json_answer({**found.summary(sim.now()), "messages": [message.as_dict() for message in found.messages]})


async def seen(request: web.Request) -> web.StreamResponse:
    """The customer opens the chat: everything in it is read."""
    return json_answer({"read": of(request).seen(request.match_info["key"])})


async def say(request: web.Request) -> web.StreamResponse:
    """A customer writes; see the top of this file."""
    return json_answer(await of(request).say(await _object(request)))


async def webhook(request: web.Request) -> web.StreamResponse:
    """Post this body to the app as it is, once, signed; ?signature= replaces the right one, empty leaves it out."""
    sim = of(request)
    body = await request.read()
    headers = signed_headers(body, sim.options.app_secret)
    signature = request.query.get("signature")
    if signature is not None:
        headers.pop("X-Hub-Signature")
        headers.pop("X-Hub-Signature-256")
        if signature:
            headers["X-Hub-Signature-256"] = signature
    status, answer = await sim.sender.post_bytes(body, headers)
    return json_answer({"status": status, "answer": answer})


async def get_settings(request: web.Request) -> web.StreamResponse:
    """The behaviour now."""
    return json_answer(of(request).behaviour.as_dict())


async def change_settings(request: web.Request) -> web.StreamResponse:
    """Change some settings; answers all of them."""
    sim = of(request)
    sim.behaviour = sim.behaviour.merged(await _json(request))
    return json_answer(sim.behaviour.as_dict())


async def reset(request: web.Request) -> web.StreamResponse:
    """Forget everything; settings as at the start."""
    of(request).reset()
    return json_answer({"ok": True})


async def _json(request: web.Request) -> Any:
    try:
        return orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError:
        raise ControlError("the body is not JSON") from None


async def _object(request: web.Request) -> dict[str, Any]:
    found = await _json(request)
    if not isinstance(found, dict):
        raise ControlError("the body must be an object")
    return found
