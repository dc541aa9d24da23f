"""Media: upload, resolve an id, download from a signed address that lives 5 minutes, delete."""

from __future__ import annotations

import hmac
import re

from aiohttp import BodyPartReader, web

from common.graph.simulator.failures import GraphFailure
from common.graph.simulator.graph_routes import VERSION, get_number
from common.graph.simulator.http import authorise, json_answer, of, our_number, refuse_unknown, with_fault
from common.graph.simulator.media import LIMITS, TYPES

#: The path that Meta's own download host uses.
DOWNLOAD = "/whatsapp_business/attachments/"


def routes() -> list[web.RouteDef]:
    """Each Graph path with and without a version, as at Meta."""
    found: list[web.RouteDef] = [web.get(DOWNLOAD, download)]
    for version in (VERSION, ""):
        found += [
            web.post(version + r"/{phone_id:[^/_]+}/media", upload),
            web.get(version + r"/{object_id:\d+}", resolve),
            web.delete(version + r"/{object_id:\d+}", delete),
        ]
    return found


async def upload(request: web.Request) -> web.StreamResponse:
    """Multipart: messaging_product, file with its type."""
    sim = of(request)
    authorise(request)
    phone_id = our_number(request)
    if not request.content_type.startswith("multipart/"):
        raise GraphFailure(100, message="(#100) The parameter file is required.")
    fields, data, mime = await _parts(request)
    if fields.get("messaging_product") != "whatsapp":
        raise GraphFailure(100, message="(#100) The parameter messaging_product is required.")
    if data is None:
        raise GraphFailure(100, message="(#100) The parameter file is required.")
    plain = mime.split(";")[0].strip().lower()
    if plain not in TYPES:
        raise GraphFailure(100, message=f"(#100) Param file must be a file of a supported type, got {plain[:60]!r}.")
    limit = 500 << 10 if plain == "image/webp" else LIMITS[plain.split("/")[0]]
    if not data or len(data) > limit:
        raise GraphFailure(100, f"File size is {len(data)} bytes; allowed are 1 to {limit}.")
    fault = sim.faults.pick("upload", {"phone_number_id": phone_id, "type": plain})
    return await with_fault(request, fault, lambda _: {"id": sim.media.add(data, mime, phone_id).id})


async def resolve(request: web.Request) -> web.StreamResponse:
    """GET /{id}: a media object, or one of our numbers."""
    sim = of(request)
    authorise(request)
    object_id = request.match_info["object_id"]
    if object_id in sim.options.phone_ids:
        return await get_number(request, object_id)
    media = sim.media.get(object_id)
    asked_by = request.query.get("phone_number_id")
    if media is None or (asked_by and asked_by not in {media.phone_id, *sim.options.phone_ids}):
        refuse_unknown(object_id, "get")
    expires = int(sim.now() + sim.behaviour.media_url_seconds)
    query = f"?mid={media.id}&ext={expires}&hash={sim.media.signature(media.id, expires)}"
    answer = {
        "url": f"{request.scheme}://{request.host}{DOWNLOAD}{query}",
        "mime_type": media.mime_type,
        "sha256": media.sha256(sim.behaviour.media_sha256),
        "file_size": len(media.data),
        "id": media.id,
        "messaging_product": "whatsapp",
    }
    return await with_fault(request, sim.faults.pick("media", {"id": object_id}), lambda _: answer)


async def download(request: web.Request) -> web.StreamResponse:
    """The file: 401 without the bearer, 404 when the address is wrong or older than 5 minutes."""
    sim = of(request)
    authorise(request)
    media_id, expires, signature = (request.query.get(name, "") for name in ("mid", "ext", "hash"))
    media = sim.media.get(media_id)
    until = int(expires) if re.fullmatch(r"[0-9]{1,12}", expires) else 0
    good = hmac.compare_digest(signature.encode(), sim.media.signature(media_id, until).encode())
    if media is None or not good or sim.now() > until:
        return web.Response(status=404, text="")
    fault = sim.faults.pick("download", {"id": media_id})
    if fault is not None:
        return await with_fault(request, fault, lambda _: {})
    return web.Response(body=media.data, headers={"Content-Type": media.mime_type})


async def delete(request: web.Request) -> web.StreamResponse:
    """Forget an uploaded file."""
    authorise(request)
    object_id = request.match_info["object_id"]
    if not of(request).media.delete(object_id):
        refuse_unknown(object_id, "delete")
    return json_answer({"success": True})


async def _parts(request: web.Request) -> tuple[dict[str, str], bytes | None, str]:
    """Plain fields, the file, and the file's mime type."""
    fields: dict[str, str] = {}
    data: bytes | None = None
    mime = ""
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None:
            continue
        if part.name == "file":
            data = bytes(await part.read())
            mime = part.headers.get("Content-Type", "")
        else:
            fields[part.name] = (await part.read(decode=True))[:1_000].decode("utf-8", "replace")
    return fields, data, mime or fields.get("type", "")
