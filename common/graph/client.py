"""The Graph client: one method per endpoint that Relevo uses, and nothing raised but `common.errors`.

Hot path: one pooled aiohttp session per process, bodies by orjson, no retries in here (the queue retries).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from common.errors import ChannelError, MessageRefused, SendOutcomeUnknown
from common.graph.error_codes import classify

#: Where Meta keeps media. Exact names: other hosts under fbsbx.com serve pages that anyone can write.
MEDIA_HOSTS = frozenset({"lookaside.fbsbx.com", "graph.facebook.com"})
#: Graph's JSON answers are well below 10 KB.
LARGEST_ANSWER = 1024 * 1024
#: Meta's own limit of a media object.
LARGEST_MEDIA = 100 * 1024 * 1024
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Accepted:
    """Graph took the message. Delivery can still fail: a status webhook tells."""

    wamid: str
    wa_id: str | None = None
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """Where a media object can be fetched, for 5 minutes. `sha256` is base64 or hex, as Meta wrote it."""

    url: str
    mime_type: str | None = None
    sha256: str | None = None
    file_size: int | None = None


def open_session(
    *, limit: int = 200, limit_per_host: int = 0, keepalive_seconds: float = 30.0, dns_cache_seconds: int = 300
) -> aiohttp.ClientSession:
    """A session with a keep-alive pool and a DNS cache; close it with the process. Needs a running loop.

    Args:
        limit: connections in all; more calls wait for one.
        limit_per_host: connections to one host, 0 for no limit of its own.
        keepalive_seconds: idle connections are closed after it.
        dns_cache_seconds: how long an address is believed.
    """
    connector = aiohttp.TCPConnector(
        limit=limit, limit_per_host=limit_per_host, keepalive_timeout=keepalive_seconds, ttl_dns_cache=dns_cache_seconds
    )
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True)


class GraphClient:
    """Calls of one access token.

    Args:
        session: from `open_session`; stays the caller's.
        base_url: https://graph.facebook.com, or the simulator.
        version: like v25.0.
        token: goes into the Authorization header and nowhere else.
        timeout: seconds for a whole call, waiting for a connection and slow bodies included.
    """

    def __init__(
        self, session: aiohttp.ClientSession, *, base_url: str, version: str, token: str, timeout: float
    ) -> None:
        self._session = session
        self._root = f"{base_url.rstrip('/')}/{version}/"
        self._origin = _origin(URL(base_url))
        self._auth = {"Authorization": f"Bearer {token}"}
        self._json_headers = {**self._auth, "Content-Type": "application/json"}
        # `connect` is below `total`, so a total time-out always means that the request had been written.
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=timeout / 2, ceil_threshold=3600)
        self._messages_urls: dict[str, URL] = {}

    def __repr__(self) -> str:
        return f"GraphClient({self._root})"

    async def send(
        self,
        phone_number_id: str,
        *,
        to: str | None,
        recipient: str | None,
        payload: Mapping[str, Any],
        opaque: str,
        reply_to: str | None = None,
    ) -> Accepted:
        """Send one message.

        Args:
            phone_number_id: the business number that sends.
            to: phone number (wa_id); wins over `recipient` at Meta when both are given.
            recipient: business-scoped user id.
            payload: `type` and the object of that type.
            opaque: our outbox id, echoed by every status webhook of this message; 512 characters at most.
            reply_to: wamid to quote.

        Raises:
            SendOutcomeUnknown: written, but no usable answer came: Meta may have sent it.
            MessageRefused, PairLimited, NumberLimited, AccountBlocked, ChannelError: not sent; see `error_codes`.
        """
        if not to and not recipient:
            raise MessageRefused("Message has no recipient: neither phone number nor user id is known.", code=131008)
        body: dict[str, Any] = {"messaging_product": "whatsapp", "recipient_type": "individual"}
        if to:
            body["to"] = to
        if recipient:
            body["recipient"] = recipient
        body.update(payload)
        if reply_to:
            body["context"] = {"message_id": reply_to}
        body["biz_opaque_callback_data"] = opaque
        return _accepted(await self._post_message(phone_number_id, body, lost=SendOutcomeUnknown))

    async def mark_read(self, phone_number_id: str, wamid: str, *, typing: bool) -> None:
        """Give an inbound message its blue ticks, and show "typing" (25 s, or until the reply) when asked.

        Raises:
            ChannelError: as `send`. Repeating it does no harm, whatever the outcome was.
        """
        body: dict[str, Any] = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
        if typing:
            body["typing_indicator"] = {"type": "text"}
        await self._post_message(phone_number_id, body, lost=ChannelError)

    async def media_url(self, media_id: str, *, phone_number_id: str | None = None) -> MediaInfo:
        """Resolve a media id.

        Raises:
            ChannelError: as in `error_codes`; MessageRefused when the id is unknown or older than Meta keeps it.
        """
        query = f"?phone_number_id={quote(phone_number_id, safe='')}" if phone_number_id else ""
        url = URL(f"{self._root}{quote(media_id, safe='')}{query}", encoded=True)
        async with self._call("GET", url, self._auth) as response:
            found = _json_object(await _read(response, LARGEST_ANSWER, ChannelError))
        if not isinstance(found.get("url"), str):
            raise ChannelError("Graph resolved a media id without a url; try again.")
        size = found.get("file_size")
        return MediaInfo(
            url=found["url"],
            mime_type=_text(found.get("mime_type")),
            sha256=_text(found.get("sha256")),
            file_size=int(size) if isinstance(size, int) or (isinstance(size, str) and size.isdigit()) else None,
        )

    async def download_media(self, url: str, *, limit: int = LARGEST_MEDIA) -> bytes:
        """The bytes behind a `media_url`. The bearer goes to Meta's hosts over TLS, or to our own Graph base, only.

        Raises:
            MessageRefused: the address is none of Meta's or has expired (after 5 minutes: resolve the id again), or
                the media is larger than `limit` bytes.
            ChannelError: could not be fetched now.
        """
        target = self._trusted(url)
        async with self._call("GET", target, self._auth) as response:
            return await _read(response, limit, MessageRefused)

    async def upload_media(self, phone_number_id: str, data: bytes, *, mime_type: str, filename: str) -> str:
        """Store a file at Meta for 30 days; returns its media id.

        Raises:
            ChannelError: as in `error_codes`. Repeating it does no harm: an id that nobody uses is forgotten.
        """
        form = aiohttp.FormData()
        form.add_field("messaging_product", "whatsapp")
        form.add_field("type", mime_type)
        form.add_field("file", data, filename=filename, content_type=mime_type)
        url = URL(f"{self._root}{quote(phone_number_id, safe='')}/media", encoded=True)
        async with self._call("POST", url, self._auth, form) as response:
            media_id = _json_object(await _read(response, LARGEST_ANSWER, ChannelError)).get("id")
        if not isinstance(media_id, str) or not media_id:
            raise ChannelError("Graph took an upload but gave no id; upload it again.")
        return media_id

    async def _post_message(self, phone_number_id: str, body: dict[str, Any], *, lost: type[ChannelError]) -> bytes:
        try:
            data = orjson.dumps(body)
        except TypeError as error:  # a lone surrogate, or an object that is no JSON
            raise MessageRefused(f"Message cannot be written as JSON: {error}.", code=100) from None
        url = self._messages_urls.get(phone_number_id)
        if url is None:
            url = URL(f"{self._root}{quote(phone_number_id, safe='')}/messages", encoded=True)
            self._messages_urls[phone_number_id] = url
        async with self._call("POST", url, self._json_headers, data, lost=lost) as response:
            return await _read(response, LARGEST_ANSWER, lost)

    @asynccontextmanager
    async def _call(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        data: bytes | aiohttp.FormData | None = None,
        *,
        lost: type[ChannelError] = ChannelError,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One exchange; yields a 2xx answer, and turns everything that goes wrong in it into a ChannelError.

        `lost` is raised when the request had left and no answer can be had.
        """
        try:
            async with self._session.request(
                method, url, data=data, headers=headers, timeout=self._timeout, allow_redirects=False
            ) as response:
                if not 200 <= response.status < 300:
                    raise await _refusal(response, lost)
                yield response
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise ChannelError(f"Graph cannot be reached ({_why(error)}); nothing was sent, try again.") from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise lost(f"No answer from Graph ({_why(error)}) after the request had left.") from None

    def _trusted(self, url: str) -> URL:
        try:
            target = URL(url)
        except ValueError:
            target = URL()
        host = (target.host or "").lower().rstrip(".")
        own = bool(host) and _origin(target) == self._origin
        meta = target.scheme == "https" and target.explicit_port is None and host in MEDIA_HOSTS
        if not (own or meta) or target.user or target.password:
            raise MessageRefused(f"Media address on host {host[:80] or '(none)'} is none of Meta's; not fetched.")
        return target


async def _refusal(response: aiohttp.ClientResponse, lost: type[ChannelError]) -> ChannelError:
    """The error of a non-2xx answer, even when its body never ends."""
    try:
        body = await _read(response, LARGEST_ANSWER, ChannelError)
    except (TimeoutError, aiohttp.ClientError, OSError, ChannelError):
        body = b""
    error = classify(response.status, body, response.headers)
    if response.status == 504 and error.code is None:  # a gateway that stopped waiting knows no more than we do
        return lost("A gateway gave up waiting for Graph (HTTP 504) after the request had left.")
    return error


async def _read(response: aiohttp.ClientResponse, limit: int, too_large: type[ChannelError]) -> bytes:
    """The whole body; raises `too_large` past `limit` bytes."""
    length = response.content_length
    if length is not None and length <= limit and "Content-Encoding" not in response.headers:
        return await response.read()
    parts: list[bytes] = []
    room = limit
    async for part in response.content.iter_chunked(_CHUNK):
        room -= len(part)
        if room < 0:
            raise too_large(f"Graph's answer is larger than {limit} bytes; not read.")
        parts.append(part)
    return b"".join(parts)


def _accepted(data: bytes) -> Accepted:
    found = _json_object(data)
    wamid = _text(_first(found.get("messages")).get("id"))
    if not wamid:
        raise SendOutcomeUnknown("Graph answered a send with success but without a message id.")
    contact = _first(found.get("contacts"))
    return Accepted(wamid, _text(contact.get("wa_id")), _text(contact.get("user_id")))


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _origin(url: URL) -> tuple[str, str | None, int | None]:
    return url.scheme, url.host, url.port


def _first(rows: object) -> dict[str, Any]:
    return rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _why(error: Exception) -> str:
    """The kind of a failure; never its text, which may quote addresses or headers."""
    number = getattr(error, "errno", None)
    return f"{type(error).__name__}, errno {number}" if number else type(error).__name__
