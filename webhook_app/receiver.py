"""Meta's side of the webhook, without any web framework: check, split, store, answer."""

from __future__ import annotations

import hmac

from common.channels.whatsapp.body import NotJson, decode
from common.channels.whatsapp.payload import parse
from common.channels.whatsapp.signature import verify
from common.clock import Clock
from common.errors import StoreUnavailable
from common.logs import get_logger
from common.messages import Update
from common.settings import Settings
from webhook_app.outage import Outage
from webhook_app.problems import Problem, unavailable
from webhook_app.services import Acceptance, Ingest

#: Bytes. Meta sends at most 3 MB.
MAX_BODY = 4 * 1024 * 1024
#: Seconds between two lines about refused signatures: a flood of forged requests must not flood the log.
_COMPLAIN_EVERY = 5.0

log = get_logger("webhook_app.receiver")


class Receiver:
    """Takes webhook requests of one Meta app."""

    def __init__(self, settings: Settings, ingest: Ingest, clock: Clock) -> None:
        self._secrets = [s.get_secret_value().encode() for s in settings.whatsapp_app_secret if s.get_secret_value()]
        token = settings.whatsapp_verify_token
        self._token = token.get_secret_value().encode() if token else b""
        self._ingest = ingest
        self._clock = clock
        self._refused = 0
        self._complained_at = 0.0
        self._outage = Outage(log, begun="webhook not stored", over="webhooks are stored again")

    def challenge(self, mode: str, token: str, challenge: str) -> str:
        """The challenge, when it is Meta who asks.

        Raises:
            Problem: 403.
        """
        same = hmac.compare_digest(token.encode("utf-8", "replace"), self._token)
        if not (mode == "subscribe" and same and self._token):
            raise Problem(
                403, "verification-refused", "hub.mode or hub.verify_token is not what was agreed.",
                "Enter the value of WHATSAPP_VERIFY_TOKEN as the verify token in the Meta app's webhook settings.",
            )  # fmt: skip
        return challenge

    def receive(self, raw: bytes, signature: str | None) -> None:
        """Store what `raw` says; when this returns, Meta may forget it.

        Raises:
            Problem: 401 not signed by Meta, 400 no JSON, 413 too long, 503 not stored or switched off.
        """
        try:
            updates, now = self.read(raw, signature)
            acceptance = self._ingest.accept(updates, now=now)
        except Problem:
            raise
        except Exception as error:
            raise self.not_stored(error) from error
        self.stored(acceptance)

    def read(self, raw: bytes, signature: str | None) -> tuple[list[Update], float]:
        """What `raw` says, at least one update, and when it came (unix seconds).

        Raises:
            Problem: 401 not signed by Meta, 400 no JSON, 413 too long, 503 switched off.
        """
        if len(raw) > MAX_BODY:
            raise too_long()
        if not self._secrets:
            raise Problem(
                503, "switched-off", "The webhook is off: there is no app secret to check signatures with.",
                "Set WHATSAPP_APP_SECRET to the Meta app's secret and restart the web process.",
                headers={"Retry-After": "60"},
            )  # fmt: skip
        if not verify(raw, signature, self._secrets):
            self._complain("missing" if not signature else "wrong")
            raise Problem(
                401, "bad-signature", "X-Hub-Signature-256 does not sign this body.",
                "Set WHATSAPP_APP_SECRET to the secret of the Meta app that sends.",
                headers={"WWW-Authenticate": 'Signature realm="whatsapp"'},
            )  # fmt: skip
        now = self._clock.now()
        try:
            return parse(decode(raw), received=now), now
        except NotJson:
            log.warning("body is not json", size=len(raw))
            raise Problem(400, "not-json", "The body is not JSON.") from None

    def not_stored(self, error: Exception) -> Problem:
        """The answer when storing failed, once the log has it: Meta sends again."""
        if isinstance(error, StoreUnavailable):
            self._outage.refused(str(error))
        else:
            log.error("webhook not stored", exc_info=error)
        return unavailable()

    def stored(self, acceptance: Acceptance) -> None:
        """Tell the log what became of a POST."""
        self._outage.served()
        log.debug(
            "webhook stored", stored=acceptance.stored, duplicates=acceptance.duplicates,
            statuses=acceptance.statuses, other=acceptance.other,
        )  # fmt: skip

    def _complain(self, why: str) -> None:
        self._refused += 1
        now = self._clock.now()
        if now - self._complained_at >= _COMPLAIN_EVERY:
            log.warning("signature refused", why=why, requests=self._refused)
            self._complained_at, self._refused = now, 0


def too_long() -> Problem:
    """A body over MAX_BODY."""
    return Problem(413, "too-long", f"A body may have {MAX_BODY} bytes.", "Send less at once.")
