"""One inbound message of each type, with a body that a real customer could have sent. Pure.

Shapes: Meta, webhooks/reference/messages. Media ids point at the sample files of `media`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from common.graph.simulator.media import Media


@dataclass(frozen=True, slots=True)
class Scene:
    """What a sample may refer to: stored media by kind, the customer's and the business's last message, our number."""

    media: Mapping[str, Media]
    business: str
    own_wamid: str | None
    their_wamid: str | None
    own_wa_id: str | None
    user_id: str


Message = dict[str, Any]


def sample(kind: str, scene: Scene) -> Message:
    """A message of `kind` (one of KINDS), without sender, id and time.

    Raises:
        KeyError: no such kind.
    """
    return _SAMPLES[kind](scene)


def _media(kind: str, **more: Any) -> Callable[[Scene], Message]:
    name = more.pop("sample", kind)

    def build(scene: Scene) -> Message:
        return {"type": kind, kind: {**scene.media[name].webhook_object(), **more}}

    return build


def _quoting(scene: Scene) -> Message:
    return {"context": {"from": scene.business, "id": scene.their_wamid or "wamid.HBgLbm90aGluZw=="}}


def _location(_: Scene) -> Message:
    place = {"name": "Parque El Virrey", "address": "Cra. 15 #88, Bogotá, Colombia"}
    return {"type": "location", "location": {"latitude": 4.6736, "longitude": -74.0553, **place}}


def _contacts(_: Scene) -> Message:
    name = {"formatted_name": "Marta Gil", "first_name": "Marta", "last_name": "Gil"}
    phones = [{"phone": "+57 310 555 0142", "wa_id": "573105550142", "type": "CELL"}]
    return {"type": "contacts", "contacts": [{"name": name, "phones": phones}]}


def _button_reply(scene: Scene) -> Message:
    reply = {"type": "button_reply", "button_reply": {"id": "yes", "title": "Sí, por favor"}}
    return {"type": "interactive", "interactive": reply, **_quoting(scene)}


def _list_reply(scene: Scene) -> Message:
    row = {"id": "shipping", "title": "Envíos", "description": "Plazos y costos"}
    return {"type": "interactive", "interactive": {"type": "list_reply", "list_reply": row}, **_quoting(scene)}


def _flow_reply(scene: Scene) -> Message:
    answer = {"name": "flow", "body": "Sent", "response_json": '{"rating":"4","comment":"Muy bien","flow_token":"t1"}'}
    return {"type": "interactive", "interactive": {"type": "nfm_reply", "nfm_reply": answer}, **_quoting(scene)}


def _template_button(scene: Scene) -> Message:
    return {"type": "button", "button": {"payload": "MORE", "text": "Quiero saber más"}, **_quoting(scene)}


def _order(_: Scene) -> Message:
    item = {"product_retailer_id": "crema-calendula", "quantity": 2, "item_price": 38900, "currency": "COP"}
    return {"type": "order", "order": {"catalog_id": "194836987003835", "text": "¿Llega hoy?", "product_items": [item]}}


def _reaction(scene: Scene) -> Message:
    target = scene.their_wamid or scene.own_wamid or "wamid.HBgLbm90aGluZw=="
    return {"type": "reaction", "reaction": {"message_id": target, "emoji": "❤️"}}


def _edit(scene: Scene) -> Message:
    message = {"type": "text", "text": {"body": "Perdón, quise decir: ¿hacen envíos a Medellín?"}}
    original = scene.own_wamid or "wamid.HBgLbm90aGluZw=="
    return {"type": "edit", "edit": {"original_message_id": original, "message": message}}


def _revoke(scene: Scene) -> Message:
    return {"type": "revoke", "revoke": {"original_message_id": scene.own_wamid or "wamid.HBgLbm90aGluZw=="}}


def _unsupported(_: Scene) -> Message:
    title = "Message type unknown"
    details = {"details": "Message type is not supported."}
    error = {"code": 131051, "title": title, "message": title, "error_data": details}
    return {"type": "unsupported", "errors": [error], "unsupported": {"type": "poll_creation"}}


def _system(scene: Scene) -> Message:
    new = "573005550199"
    body = f"User changed from {scene.own_wa_id or scene.user_id} to {new}"
    return {"type": "system", "system": {"body": body, "type": "user_changed_number", "wa_id": new}}


def _referral(_: Scene) -> Message:
    ad = {
        "source_url": "https://fb.me/3cr4Wqqkv", "source_id": "120226305854810726", "source_type": "ad",
        "headline": "Cosmética natural", "body": "Envío gratis esta semana", "media_type": "image",
        "image_url": "https://scontent.xx.fbcdn.net/v/t45.1", "ctwa_clid": "Aff-n8ZTODiE79d22KtAwQKj9e",
    }  # fmt: skip
    return {"type": "text", "text": {"body": "Hola, vi su anuncio"}, "referral": ad}


_SAMPLES: Mapping[str, Callable[[Scene], Message]] = {
    "image": _media("image", caption="¿Tienen esta crema?"),
    "audio": _media("audio", voice=False),
    "voice": _media("audio", voice=True),
    "video": _media("video", caption="Miren cómo llegó el paquete"),
    "document": _media("document", filename="factura-1042.pdf", caption="Mi factura"),
    "sticker": _media("sticker", animated=False),
    "location": _location,
    "contacts": _contacts,
    "button_reply": _button_reply,
    "list_reply": _list_reply,
    "flow_reply": _flow_reply,
    "template_button": _template_button,
    "order": _order,
    "reaction": _reaction,
    "edit": _edit,
    "revoke": _revoke,
    "unsupported": _unsupported,
    "number_change": _system,
    "ad_click": _referral,
}

KINDS = tuple(_SAMPLES)
