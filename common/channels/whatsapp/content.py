"""What a message of each type says, as a person would read it, and the media it carries."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from common.channels.whatsapp.fields import array, identifier, number_text, obj, text
from common.messages import Json, JsonObject, Media

#: A flow's answers shown beside its body: at most this many, and characters of each.
_ANSWERS, _ANSWER_CHARS = 20, 200
_ITEMS = 50


def readable(kind: str, message: JsonObject) -> str | None:
    """The words of a message of type `kind`; None when it has none."""
    reader = _READERS.get(kind)
    body = message.get(kind)
    found = reader(body) if reader else _any_words(body)
    if found is None and kind in ("unsupported", "unknown"):
        # Seen in the field: type `unsupported` beside a whole text object; and types that did not exist yet.
        kind_named = text(message.get("type"), 64) or ""
        found = _any_words(message.get(kind_named)) or _any_words(message.get("text"))
    return found


def media_of(kind: str, message: JsonObject) -> Media | None:
    """The media of a message of type `kind`; None when the type carries none or it came without its object."""
    if kind == "edit":
        message = obj(obj(message.get("edit")).get("message"))
        kind = text(message.get("type"), 64) or ""
    if kind not in MEDIA_KINDS:
        return None
    body = message.get(kind)
    if not isinstance(body, dict):
        return None
    return Media(
        id=identifier(body.get("id")),
        mime_type=text(body.get("mime_type"), 256),
        sha256=text(body.get("sha256"), 256),
        filename=text(body.get("filename"), 1024),
        url=text(body.get("url"), 4096),
        voice=kind == "voice" or body.get("voice") is True,
        animated=body.get("animated") is True,
    )


def _body(value: Json) -> str | None:
    return text(obj(value).get("body"))


def _caption(value: Json) -> str | None:
    return text(obj(value).get("caption"))


def _document(value: Json) -> str | None:
    return _caption(value) or text(obj(value).get("filename"), 1024)


def _button(value: Json) -> str | None:
    return text(obj(value).get("text")) or text(obj(value).get("payload"))


def _interactive(value: Json) -> str | None:
    answer = obj(value)
    kind = answer.get("type")
    chosen = obj(answer.get(kind)) if isinstance(kind, str) else {}
    if kind == "nfm_reply":
        return _flow(chosen)
    return text(chosen.get("title")) or text(chosen.get("response")) or text(chosen.get("body"))


def _flow(answer: JsonObject) -> str | None:
    """Body of a flow's answer, then one `field: value` line per answer. `response_json` may be anything at all."""
    lines = [text(answer.get("body"))]
    raw = answer.get("response_json")
    try:
        given = orjson.loads(raw) if isinstance(raw, str) else raw
    except ValueError:
        given = None
    for name, value in list(obj(given).items())[:_ANSWERS]:
        said = number_text(value) if not isinstance(value, str) else text(value, _ANSWER_CHARS)
        if said and name != "flow_token":
            lines.append(f"{name[:_ANSWER_CHARS]}: {said}")
    return "\n".join(line for line in lines if line) or None


def _location(value: Json) -> str | None:
    place = obj(value)
    named = [part for key in ("name", "address") if (part := text(place.get(key), 1024))]
    if named:
        return ", ".join(named)
    latitude, longitude = (number_text(place.get(key)) for key in ("latitude", "longitude"))
    return f"{latitude}, {longitude}" if latitude and longitude else None


def _contacts(value: Json) -> str | None:
    return ", ".join(name for card in array(value)[:_ITEMS] if (name := _card(obj(card)))) or None


def _card(card: JsonObject) -> str | None:
    name = obj(card.get("name"))
    whole = text(name.get("formatted_name"), 256) or text(name.get("first_name"), 256)
    if whole:
        return whole
    phones = [phone for entry in array(card.get("phones")) if (phone := text(obj(entry).get("phone"), 64))]
    return text(obj(card.get("org")).get("company"), 256) or (phones[0] if phones else None)


def _order(value: Json) -> str | None:
    order = obj(value)
    lines = [text(order.get("text"))]
    for item in array(order.get("product_items"))[:_ITEMS]:
        sku = text(obj(item).get("product_retailer_id"), 256)
        if sku:
            lines.append(f"{number_text(obj(item).get('quantity')) or '1'} x {sku}")
    return "\n".join(line for line in lines if line) or None


def _reaction(value: Json) -> str | None:
    return text(obj(value).get("emoji"), 64)


def _edit(value: Json) -> str | None:
    """The new words of the edited message."""
    inner = obj(obj(value).get("message"))
    kind = text(inner.get("type"), 64) or "text"
    return None if kind == "edit" else readable(kind, inner)


def _none(_value: Json) -> None:
    return None


def _any_words(value: Json) -> str | None:
    """What reads like words in the object of a type that is not known."""
    if not isinstance(value, dict):
        return None
    found = (text(value.get(key)) for key in ("body", "caption", "text", "title", "name"))
    return next((words for words in found if words), None)


_READERS: dict[str, Callable[[Json], str | None]] = {
    "text": _body,
    "image": _caption,
    "video": _caption,
    "audio": _none,
    "voice": _none,
    "sticker": _none,
    "document": _document,
    "button": _button,
    "interactive": _interactive,
    "location": _location,
    "contacts": _contacts,
    "order": _order,
    "reaction": _reaction,
    "system": _body,
    "edit": _edit,
    "revoke": _none,
    "unsupported": _none,
}

#: Types that are read as themselves; every other string is `unknown`.
KNOWN_KINDS = frozenset(_READERS)
MEDIA_KINDS = frozenset({"image", "video", "audio", "voice", "sticker", "document"})
