"""The bearer key of the queue endpoints."""

from __future__ import annotations

import hmac

from pydantic import SecretStr

from webhook_app.problems import Problem


def require_admin(header: str | None, key: SecretStr | None) -> None:
    """Let the request pass when `header` is `Bearer <ADMIN_API_KEY>`.

    Raises:
        Problem: 403 when no key is set, 401 when the key is missing or wrong.
    """
    expected = key.get_secret_value().encode() if key else b""
    if not expected:
        raise Problem(403, "closed", "This endpoint is closed.", "Set ADMIN_API_KEY and restart the web process.")
    scheme, _, given = (header or "").partition(" ")
    # WSGI hands headers over as Latin-1.
    right = hmac.compare_digest(given.strip().encode("latin-1", "replace"), expected)
    if scheme.lower() != "bearer" or not right:
        raise Problem(
            401, "bad-key", "The bearer key is missing or wrong.", "Send Authorization: Bearer <ADMIN_API_KEY>.",
            headers={"WWW-Authenticate": "Bearer"},
        )  # fmt: skip
