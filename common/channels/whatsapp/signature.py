"""Meta's signature of a webhook: HMAC-SHA256 of the raw body with the app secret, in `X-Hub-Signature-256`."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence

_HEADER = re.compile(r"sha256=([0-9a-fA-F]{64})")


def verify(raw: bytes, header: str | None, secrets: Sequence[bytes]) -> bool:
    """Whether `header` signs `raw` with one of `secrets`; every secret is tried, in the same time.

    A header that is missing or malformed, and an empty secret, verify nothing.
    """
    found = _HEADER.fullmatch(header) if header else None
    if found is None:
        return False
    given = bytes.fromhex(found.group(1))
    good = False
    for secret in secrets:
        if secret:
            good |= hmac.compare_digest(hmac.digest(secret, raw, "sha256"), given)
    return good


def sign(raw: bytes, secret: bytes) -> str:
    """The header value that signs `raw`."""
    return "sha256=" + hmac.digest(secret, raw, "sha256").hex()
