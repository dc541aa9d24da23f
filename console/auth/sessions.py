"""Console sessions in Redis: two hours after the last action of a person they are gone."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from redis import Redis

from common.messages import digest
from common.store import keys

IDLE = 2 * 3600  # seconds; actions count, refreshes do not
COOKIE = "relevo_session"
LANGUAGE_COOKIE = "relevo_language"  # of the login page, which has no session yet

Role = Literal["lead", "agent", "viewer"]
ROLES: Mapping[str, Role] = {"lead": "lead", "agent": "agent", "viewer": "viewer"}


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has logged in. `name` signs what they do and write; `csrf` is asked for by the logout form.

    `lang` is the language that they chose, "" when they never did.
    """

    sid: str
    name: str
    role: Role
    csrf: str
    lang: str = ""


class Sessions:
    """Opens, finds and ends sessions. What Redis holds does not let anybody log in: the id is kept as a digest."""

    def __init__(self, db: Redis) -> None:
        self._db = db

    def open(self, name: str, role: Role = "lead", lang: str = "") -> Session:
        session = Session(secrets.token_urlsafe(32), name, role, secrets.token_urlsafe(24), lang)
        key = _key(session.sid)
        pipe = self._db.pipeline(transaction=True)
        pipe.hset(key, mapping={"name": name, "role": role, "csrf": session.csrf, "lang": lang})
        pipe.expire(key, IDLE)
        pipe.execute()
        return session

    def get(self, sid: str | None) -> Session | None:
        """The session of `sid` while it lives; looking does not prolong it."""
        if not sid:
            return None
        values = cast("list[Any]", self._db.hmget(_key(sid), "name", "role", "csrf", "lang"))
        name, role, csrf, lang = (value.decode() if isinstance(value, bytes) else "" for value in values)
        known = ROLES.get(role)
        return Session(sid, name, known, csrf, lang) if known else None

    def touch(self, sid: str) -> None:
        """A person did something: two more hours."""
        self._db.expire(_key(sid), IDLE)

    def speak(self, sid: str, lang: str) -> None:
        """From now on this session is shown `lang`; one that is over stays over."""
        key = _key(sid)
        pipe = self._db.pipeline(transaction=True)
        pipe.hset(key, "lang", lang)
        pipe.expire(key, IDLE)
        if self._db.exists(key):
            pipe.execute()

    def close(self, sid: str) -> None:
        self._db.delete(_key(sid))


def _key(sid: str) -> str:
    return keys.console_session(digest("console", sid))
