"""The Graph client: one method per endpoint that Relevo uses, and nothing raised but `common.errors`.

Hot path: connections are kept, requests are written once per number, no retries in here (the queue retries).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from common.errors import ChannelError, MessageRefused, SendOutcomeUnknown
from common.graph.error_codes import classify
from common.http.client import HttpClient, Route
from common.http.errors import Answer, NoAnswer, NotSent, TooLarge
from common.http.target import Target

#: Where Meta keeps media. Exact names: other hosts under fbsbx.com serve pages that anyone can write.
MEDIA_HOSTS = frozenset({"lookaside.fbsbx.com", "graph.facebook.com"})
#: Graph's JSON answers are well below 10 KB.
LARGEST_ANSWER = 1024 * 1024
#: Meta's own limit of a media object.
LARGEST_MEDIA = 100 * 1024 * 1024
_FIELD = "Content-Disposition: form-data"


class Accepted(NamedTuple):
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


class GraphClient:
    """Calls of one access token.

    Args:
        http: stays the caller's.
        base_url: https://graph.facebook.com, or the simulator.
        version: like v25.0.
        token: goes into the Authorization header and nowhere else.
        timeout: seconds for a whole call, waiting for a connection and slow bodies included.
    """

    def __init__(self, http: HttpClient, *, base_url: str, version: str, token: str, timeout: float) -> None:
        self._http = http
        self._root = f"{base_url.rstrip('/')}/{version}/"
        self._origin = Target.of(self._root).origin
        self._auth = {"Authorization": f"Bearer {token}"}
        self._timeout = timeout
        self._messages: dict[str, Route] = {}

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
        route = Route("GET", f"{self._root}{quote(media_id, safe='')}{query}", self._auth)
        found = _json_object(await self._call(route, repeatable=True))
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
        return await self._call(self._trusted(url), most=limit, repeatable=True)

    async def upload_media(self, phone_number_id: str, data: bytes, *, mime_type: str, filename: str) -> str:
        """Store a file at Meta for 30 days; returns its media id.

        Raises:
            ChannelError: as in `error_codes`. Repeating it does no harm: an id that nobody uses is forgotten.
        """
        kind, body = _form({"messaging_product": "whatsapp", "type": mime_type}, data, mime_type, filename)
        url = f"{self._root}{quote(phone_number_id, safe='')}/media"
        route = Route("POST", url, {**self._auth, "Content-Type": kind})
        media_id = _json_object(await self._call(route, body, repeatable=True)).get("id")
        if not isinstance(media_id, str) or not media_id:
            raise ChannelError("Graph took an upload but gave no id; upload it again.")
        return media_id

    async def _post_message(self, phone_number_id: str, body: dict[str, Any], *, lost: type[ChannelError]) -> bytes:
        try:
            data = orjson.dumps(body)
        except TypeError as error:  # a lone surrogate, or an object that is no JSON
            raise MessageRefused(f"Message cannot be written as JSON: {error}.", code=100) from None
        route = self._messages.get(phone_number_id)
        if route is None:
            url = f"{self._root}{quote(phone_number_id, safe='')}/messages"
            route = Route("POST", url, {**self._auth, "Content-Type": "application/json"})
            self._messages[phone_number_id] = route
        return await self._call(route, data, lost=lost, repeatable=lost is ChannelError)

    async def _call(
        self,
        route: Route,
        body: bytes = b"",
        *,
        most: int = LARGEST_ANSWER,
        lost: type[ChannelError] = ChannelError,
        repeatable: bool,
    ) -> bytes:
        """The body of a 2xx answer; everything else becomes a ChannelError.

        `lost` is raised when the request had left and no answer can be had.
        """
        try:
            answer = await self._http.call(route, body, seconds=self._timeout, most=most, repeatable=repeatable)
        except NotSent as error:
            raise ChannelError(f"Graph cannot be reached: {error}; nothing was sent, try again.") from None
        except NoAnswer as error:
            if error.answer and not 200 <= error.answer.status < 300:
                answer = Answer(error.answer.status, error.answer.headers, b"")  # what was refused stays refused
            elif isinstance(error, TooLarge) and lost is ChannelError:
                raise MessageRefused(f"Graph's answer: {error}; not read.") from None
            else:
                raise lost(f"No answer from Graph after the request had left: {error}.") from None
        if 200 <= answer.status < 300:
            return answer.body
        raise _refusal(answer, lost)

    def _trusted(self, url: str) -> Route:
        try:
            target = Target.of(url)
        except ValueError:
            raise MessageRefused("Media address is none of Meta's; not fetched.") from None
        scheme, host, port = target.origin
        meta = scheme == "https" and port == 443 and host in MEDIA_HOSTS
        if target.origin != self._origin and not meta:
            raise MessageRefused(f"Media address on host {host[:80]} is none of Meta's; not fetched.")
        return Route("GET", url, self._auth)


def _refusal(answer: Answer, lost: type[ChannelError]) -> ChannelError:
    """The error of a non-2xx answer."""
    error = classify(answer.status, answer.body, answer.headers)
    if answer.status == 504 and error.code is None:  # a gateway that stopped waiting knows no more than we do
        return lost("A gateway gave up waiting for Graph (HTTP 504) after the request had left.")
    return error


def _form(fields: Mapping[str, str], data: bytes, mime_type: str, filename: str) -> tuple[str, bytes]:
    """Content type and body of a form with one file, as RFC 7578 has it."""
    mark = secrets.token_hex(16)
    name = filename.translate({ord(char): "_" for char in '"\\\r\n'})
    lines = [line for key, value in fields.items() for line in (f"--{mark}", f"{_FIELD}; name={key}", "", value)]
    lines += [f"--{mark}", f'{_FIELD}; name=file; filename="{name}"', f"Content-Type: {mime_type}", "", ""]
    return f"multipart/form-data; boundary={mark}", "\r\n".join(lines).encode() + data + f"\r\n--{mark}--\r\n".encode()


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


def _first(rows: object) -> dict[str, Any]:
    return rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
