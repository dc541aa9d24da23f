"""Redact: what a person, a model or a log may read of the messages; edits and withdrawals folded in."""

from __future__ import annotations

from collections.abc import Sequence

from common.handover.language import Language, guess
from common.pii.redact import Found
from common.pii.redact import redact as redact_text
from workers.pipeline.turn import MEDIA, SPOKEN, Received, Services, Turn

_NAME_MIN = 4  # a shorter profile name would mask ordinary words


def redact(turn: Turn, services: Services) -> Turn:
    """Sets `texts` (mid to redacted text), `found`, `question` and `lang`."""
    name = (turn.sender.name or "").strip()
    known = {name: "NAME"} if len(name) >= _NAME_MIN else {}
    texts: dict[str, str] = {}
    found: tuple[Found, ...] = ()
    for message in turn.messages:
        clean = redact_text(message.text, region=services.settings.default_country, known=known, earlier=found)
        texts[message.mid], found = clean.text, clean.found
    question = "\n".join(filter(None, (texts[mid] for mid in spoken(turn.messages))))
    return turn._replace(
        texts=texts, found=found, question=question, lang=guess(question, default=language(turn.session.lang))
    )


def language(code: str) -> Language:
    """`code` if it is one of ours, else Spanish."""
    return "en" if code == "en" else "pt" if code == "pt" else "es"


def spoken(messages: Sequence[Received]) -> list[str]:
    """The mids whose text is to be answered, oldest first: without withdrawn ones, edits in place of what they edit."""
    revoked = {m.refers for m in messages if m.kind == "revoke"}
    edited = {m.refers for m in messages if m.kind == "edit"}
    return [
        m.mid
        for m in messages
        if (m.kind in SPOKEN or m.kind in MEDIA) and m.text and m.mid not in revoked and m.mid not in edited
    ]
