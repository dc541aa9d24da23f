"""A blocking client of the simulator's control API, for tests, benches and scripts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import requests

Found = TypeVar("Found")
_PAUSE = 0.02  # seconds between two looks of wait_for


class SimulatorError(RuntimeError):
    """The simulator refused a control call; its text says why."""


class SimulatorClient:
    """Steers a running simulator.

    Args:
        base_url: like http://127.0.0.1:3002.
        timeout: seconds for one call; `say` waits for the app's webhook.
    """

    def __init__(self, base_url: str, *, timeout: float = 15.0) -> None:
        self.base_url = base_url.rstrip("/")
        self._timeout = timeout
        self._http = requests.Session()
        self._http.trust_env = False

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- what the customer does --------------------------------------------------------------------------------------

    def say(self, wa_id: str, text: str | None = None, **more: Any) -> dict[str, Any]:
        """Write as a customer; waits for the webhook's answer.

        Args:
            wa_id: phone digits, or a business-scoped user id.
            text: a text message; else give `kind` (a sample such as "image"), `message` or `messages` (raw objects).
            more: name, username, user_id, phone_number_id, bsuid_only, batch, duplicates, context.

        Returns:
            wamid, wamids, wa_id, user_id, status (HTTP of the webhook; 0: not reachable), answer, duplicate_statuses.
        """
        said = {"text": text} if text is not None else {}
        return self._object("POST", "say", {"wa_id": wa_id, **said, **more})

    def seen(self, wa_id: str) -> int:
        """Open the chat as its customer: everything delivered is read. Returns how many messages that were."""
        return int(self._object("POST", f"chat/{quote(wa_id, safe='')}/seen")["read"])

    def post_webhook(self, body: bytes, *, signature: str | None = None) -> tuple[int, str]:
        """Post this body to the app, rightly signed unless `signature` is given ("" leaves it out)."""
        params = None if signature is None else {"signature": signature}
        answer = self._call("POST", "webhook", data=body, params=params)
        return int(answer["status"]), str(answer["answer"])

    # -- what Graph does ---------------------------------------------------------------------------------------------

    def fail_next(self, preset: str | None = None, *, times: int = 1, endpoint: str = "messages", **rule: Any) -> int:
        """Let the next `times` calls fail; returns the rule's id.

        Args:
            preset: one of `faults.PRESETS`, e.g. "503", "429", "hang", "reset", "fail_async"; or give `code`.
            times: how many calls.
            endpoint: messages, read, media, upload, download, number or *.
            rule: match, skip, code, status, details, seconds, retry_after, headers.
        """
        return int(self.add_fault(preset, times=times, endpoint=endpoint, **rule)["id"])

    def add_fault(self, preset: str | None = None, **rule: Any) -> dict[str, Any]:
        """Add a rule of any shape: `times`, `every` or `always`; see `faults`."""
        named = {"preset": preset} if preset is not None else {}
        found = self._call("POST", "faults", {**named, **rule})
        return dict(found[0])

    def faults(self) -> list[dict[str, Any]]:
        """Rules in force with `seen` and `hits`."""
        return list(self._call("GET", "faults"))

    def clear_faults(self) -> None:
        self._call("DELETE", "faults")

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change settings (see `options.Behaviour`); returns all of them."""
        return self._object("POST" if changes else "GET", "settings", changes or None)

    def reset(self) -> None:
        """Forget chats, ledger, faults, waiting webhooks; settings as at the start."""
        self._call("POST", "reset")

    # -- what happened -----------------------------------------------------------------------------------------------

    def ledger(self, to: str | None = None, *, since: int = 0) -> list[dict[str, Any]]:
        """Accepted sends, oldest first: seq, time, phone_number_id, to, recipient, key, type, body, opaque, wamid."""
        params = {"since": str(since)} | ({"to": to} if to else {})
        return list(self._call("GET", "ledger", params=params))

    def texts(self, to: str | None = None) -> list[str]:
        """Bodies of the accepted text messages, oldest first."""
        return [entry["body"]["text"]["body"] for entry in self.ledger(to) if entry["type"] == "text"]

    def chats(self) -> list[dict[str, Any]]:
        return list(self._call("GET", "chats"))

    def chat(self, wa_id: str) -> dict[str, Any]:
        """One chat with its `messages` (wamid, dir, type, at, body, status, context, error, reactions, ...)."""
        return self._object("GET", f"chat/{quote(wa_id, safe='')}")

    def health(self) -> dict[str, Any]:
        """webhook, verified ("ok" once the app answered the challenge), counters, numbers."""
        return self._object("GET", "health")

    def wait_for(
        self, look: Callable[[SimulatorClient], Found], *, seconds: float = 10.0, what: str = "the expected state"
    ) -> Found:
        """Call `look(self)` until what it returns is true, and return that.

        Raises:
            TimeoutError: it was not within `seconds`; the text names `what` and the last thing seen.
        """
        until = time.monotonic() + seconds
        while True:
            found = look(self)
            if found:
                return found
            if time.monotonic() > until:
                raise TimeoutError(f"{what} did not come within {seconds:g} s; last seen: {found!r}"[:500])
            time.sleep(_PAUSE)

    def wait_for_sends(self, count: int, to: str | None = None, *, seconds: float = 10.0) -> list[dict[str, Any]]:
        """The ledger (of `to`) once it has at least `count` entries.

        Raises:
            TimeoutError: it has fewer after `seconds`.
        """

        def enough(meta: SimulatorClient) -> list[dict[str, Any]]:
            entries = meta.ledger(to)
            return entries if len(entries) >= count else []

        return self.wait_for(enough, seconds=seconds, what=f"{count} sends to {to or 'anybody'}")

    def wait_verified(self, *, seconds: float = 15.0) -> None:
        """Wait until the app has answered the GET verification.

        Raises:
            TimeoutError: it has not.
        """
        self.wait_for(lambda meta: meta.health()["verified"] == "ok", seconds=seconds, what="the GET verification")

    # -- inside ------------------------------------------------------------------------------------------------------

    def _object(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return dict(self._call(method, path, body))

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        data: bytes | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Any:
        url = f"{self.base_url}/_sim/{path}"
        response = self._http.request(method, url, json=body, data=data, params=params, timeout=self._timeout)
        if response.status_code != 200:
            raise SimulatorError(f"{method} {path}: HTTP {response.status_code}: {response.text[:300]}")
        return response.json()
