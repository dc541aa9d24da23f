"""Media that the simulator holds: what a client uploaded, and one small real file of each kind that customers send."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

#: Bytes of uploads kept; the oldest are dropped beyond it. Samples stay.
MOST_BYTES = 64 * 1024 * 1024
#: What Meta takes, in bytes, by the first part of the mime type. Source: Meta, media reference.
LIMITS = {"image": 5 << 20, "audio": 16 << 20, "video": 16 << 20, "application": 100 << 20, "text": 100 << 20}
TYPES = frozenset({
    "image/jpeg", "image/png", "image/webp", "audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg",
    "video/mp4", "video/3gpp", "text/plain", "application/pdf", "application/msword", "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint", "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Media:
    """One stored file."""

    id: str
    mime_type: str
    data: bytes
    phone_id: str | None = None

    def sha256(self, form: Literal["hex", "base64"]) -> str:
        raw = hashlib.sha256(self.data).digest()
        return raw.hex() if form == "hex" else base64.b64encode(raw).decode()

    def webhook_object(self) -> dict[str, Any]:
        """As an inbound message refers to it; the hash is base64 there."""
        return {"id": self.id, "mime_type": self.mime_type, "sha256": self.sha256("base64")}


class MediaStore:
    """Media by id; bounded."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._held: OrderedDict[str, Media] = OrderedDict()
        self._bytes = 0
        self._next = 1_900_000_000_000_000
        self.samples: dict[str, Media] = {}
        self.reset()

    def reset(self) -> None:
        """Forget uploads; the samples keep their ids."""
        self._held.clear()
        self._bytes = 0
        for number, (kind, (mime, data)) in enumerate(sample_files().items(), start=1_800_000_000_000_001):
            self.samples[kind] = Media(str(number), mime, data)

    def add(self, data: bytes, mime_type: str, phone_id: str) -> Media:
        self._next += 1
        media = Media(str(self._next), mime_type, data, phone_id)
        self._held[media.id] = media
        self._bytes += len(data)
        while self._bytes > MOST_BYTES and len(self._held) > 1:
            self._bytes -= len(self._held.popitem(last=False)[1].data)
        return media

    def get(self, media_id: str) -> Media | None:
        held = self._held.get(media_id)
        return held or next((media for media in self.samples.values() if media.id == media_id), None)

    def delete(self, media_id: str) -> bool:
        media = self._held.pop(media_id, None)
        self._bytes -= len(media.data) if media else 0
        return media is not None

    def signature(self, media_id: str, expires: int) -> str:
        """What makes the address of a media file good until `expires` (unix seconds)."""
        return hmac.new(self._key, f"{media_id}.{expires}".encode(), hashlib.sha256).hexdigest()[:32]


def _png(width: int, height: int) -> bytes:
    """A soft green gradient with a lighter disc: something to see in a chat."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            inside = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 3) ** 2
            rows += bytes((200 - y // 3 + 40 * inside, 225 - x // 8 + 20 * inside, 190 + 50 * inside))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    parts = [struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _ogg_crc(page: bytes) -> int:
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = ((crc << 1) ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc


def _ogg_page(packets: list[bytes], *, flags: int, granule: int, sequence: int) -> bytes:
    sizes = bytes(len(packet) for packet in packets)
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, 1, sequence, 0, len(sizes)) + sizes
    page = head + b"".join(packets)
    return page[:22] + struct.pack("<I", _ogg_crc(page)) + page[26:]


def _voice_note(seconds: int) -> bytes:
    """Opus silence in Ogg: 20 ms a packet, 50 packets a page."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, 48_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I6sI", 6, b"Relevo", 0)
    pages = [_ogg_page([head], flags=2, granule=0, sequence=0), _ogg_page([tags], flags=0, granule=0, sequence=1)]
    for second in range(seconds):
        flags = 4 if second == seconds - 1 else 0
        pages.append(_ogg_page([b"\xf8\xff\xfe"] * 50, flags=flags, granule=(second + 1) * 48_000, sequence=second + 2))
    return b"".join(pages)


_PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>endobj
4 0 obj<</Length 47>>stream
BT /F1 18 Tf 40 120 Td (Factura 1042) Tj ET    
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
%%EOF
"""  # noqa: W291  the stream is 47 bytes long
_WEBP = base64.b64decode("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
_MP4 = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"isom", 512, b"isom", b"mp42") + struct.pack(">I4s", 8, b"mdat")


@cache
def sample_files() -> dict[str, tuple[str, bytes]]:
    """Mime type and content by kind."""
    return {
        "image": ("image/png", _png(240, 180)),
        "audio": ("audio/ogg; codecs=opus", _voice_note(3)),
        "video": ("video/mp4", _MP4),
        "document": ("application/pdf", _PDF),
        "sticker": ("image/webp", _WEBP),
    }
