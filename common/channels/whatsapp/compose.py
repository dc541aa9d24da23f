"""A model's reply to WhatsApp bubbles: clean text first, then the product images it asked for. Pure.

Limits are those of the Cloud API (2026-09): 4,096 characters a text, 1,024 a caption.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urljoin, urlsplit

from common.channels.whatsapp.markup import from_markdown, without_html
from common.channels.whatsapp.splitting import MAX_TEXT, split_text
from common.messages import OutboundPart

MAX_CAPTION = 1024
MAX_IMAGES = 3

_IMAGE_TAG = re.compile(
    r"[ \t]{0,4}\[\s*+send[\s_*-]*+image[\s_*]*+[:=]([^\[\]\n]{1,200})\][ \t]{0,4}", re.IGNORECASE
)
#: What else looks like an order to the program, whole or cut off at the end of a line; not the numbered placeholders
#: of redacted data (`[PHONE_1]`), which become the customer's words again after composing.
_STRAY_TAG = re.compile(
    r"[ \t]{0,4}(?:\[\s*+(?i:send[\s_*-]*+image)[^\]\n]*(?:\]|(?=\n)|$)"
    r"|\[(?![A-Z]{2,12}_[1-9][0-9]{0,5}\])[A-Z][A-Z0-9]{0,40}_[A-Z0-9_]{0,40}(?:[:=][^\]\n]{0,200})?\])[ \t]{0,4}"
)


class Pictured(Protocol):
    """What compose needs of a product. `images` are absolute or relative links, the best first."""

    @property
    def name(self) -> str: ...
    @property
    def images(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Product:
    """The plainest `Pictured`."""

    name: str
    images: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Composed:
    """Bubbles in sending order, and the product ids that had no product or no usable image (to be logged)."""

    parts: tuple[OutboundPart, ...]
    unknown_products: tuple[str, ...] = ()


def compose(
    reply: str,
    *,
    products: Mapping[str, Pictured],
    base_url: str = "",
    needs_owner: str = "bot",
    text_limit: int = MAX_TEXT,
) -> Composed:
    """The bubbles of `reply`.

    Args:
        reply: as the model wrote it: Markdown, stray HTML and `[SEND_IMAGE:product_id]` tags included.
        products: by id; ids in tags may differ in case.
        base_url: put before relative image links.
        needs_owner: who must own the conversation when a bubble leaves (see OutboundPart).
        text_limit: characters of a text bubble; less than MAX_TEXT where placeholders will grow when they are restored.
    """
    wanted: dict[str, None] = {}

    def take(tag: re.Match[str]) -> str:
        if product_id := tag.group(1).strip("\"'`* \t"):
            wanted[product_id] = None
        return _gap(tag)

    words = _STRAY_TAG.sub(_gap, _IMAGE_TAG.sub(take, without_html(reply)))
    parts = [text_part(piece, needs_owner=needs_owner) for piece in split_text(from_markdown(words), text_limit)]
    images, unknown = _images(list(wanted), products, base_url, needs_owner)
    return Composed((*parts, *images), tuple(unknown))


def text_part(body: str, *, needs_owner: str = "bot") -> OutboundPart:
    """A text bubble; `body` must be within the limit (see `split_text`)."""
    return OutboundPart({"type": "text", "text": {"body": body}}, body, needs_owner)


def image_part(link: str, caption: str, *, needs_owner: str = "bot") -> OutboundPart:
    """An image bubble from a public link; the caption is cut at the limit."""
    caption = caption if len(caption) <= MAX_CAPTION else caption[: MAX_CAPTION - 1] + "…"
    image = {"link": link, "caption": caption} if caption else {"link": link}
    return OutboundPart({"type": "image", "image": image}, caption, needs_owner)


def _gap(tag: re.Match[str]) -> str:
    """What stays where a tag stood: one space between words, nothing at the start of a line."""
    return " " if tag.start() and tag.string[tag.start() - 1] != "\n" else ""


def _images(
    ids: Sequence[str], products: Mapping[str, Pictured], base_url: str, needs_owner: str
) -> tuple[list[OutboundPart], list[str]]:
    images: list[OutboundPart] = []
    unknown: list[str] = []
    shown: set[str] = set()
    folded: dict[str, Pictured] | None = None
    for product_id in ids:
        product = products.get(product_id)
        if product is None:
            folded = folded or {key.casefold(): value for key, value in products.items()}
            product = folded.get(product_id.casefold())
        link = _first_link(product.images, base_url) if product else None
        if product is None or link is None:
            unknown.append(product_id)
        elif link not in shown and len(images) < MAX_IMAGES:
            shown.add(link)
            images.append(image_part(link, without_html(product.name).strip(), needs_owner=needs_owner))
    return images, unknown


def _first_link(images: Sequence[str], base_url: str) -> str | None:
    for image in images:
        link = image.strip()
        try:
            target = urlsplit(link)
        except ValueError:  # "https://[": the catalogue is the shop's, not ours
            continue
        if base_url and link and not target.scheme and not target.netloc:
            return urljoin(base_url.rstrip("/") + "/", link.lstrip("/"))
        if target.scheme in ("http", "https") and target.netloc:
            return link
    return None
