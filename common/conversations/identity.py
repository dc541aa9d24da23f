"""How a person is known: business-scoped user id first, phone second; at rest only as keyed digests.

Source: Cloud API business-scoped user ids, since 2026-03-31; the phone may be absent.
"""

from __future__ import annotations

from typing import NamedTuple

from common.messages import Sender
from common.store.vault import Vault

_LABEL_MAX = 24
_DIGITS_OF_A_PHONE = 6
_FIELDS = ("wa_id", "user_id", "parent_user_id", "name", "username")


class Identity(NamedTuple):
    """What the store needs of a sender.

    `aliases` are pseudonyms, best first; `candidate` the contact id if none of them is known yet;
    `who` the sealed Sender; `label` and `tail` what a list may show ("Ana R.", last four digits).
    """

    aliases: list[str]
    candidate: str
    who: bytes
    label: str
    tail: str


def identify(sender: Sender, vault: Vault, *, group_id: str | None = None) -> Identity:
    """The identity of `sender`; of the group when the message was written in one."""
    pairs = [("group", group_id)] if group_id else [("user", sender.user_id), ("phone", sender.wa_id)]
    aliases = [alias for kind, value in pairs if value for alias in vault.pseudonyms(kind, value)]
    who = {name: value for name in _FIELDS if (value := getattr(sender, name))}
    if group_id:
        who["group_id"] = group_id
    return Identity(
        aliases=aliases,
        candidate="c" + aliases[0][:20],
        who=vault.seal_json(who),
        label="Group" if group_id else label_of(sender.name),
        tail=(sender.wa_id or "")[-4:],
    )


def label_of(name: str | None) -> str:
    """First name and initial, enough to tell people apart in a list: "Ana María Ruiz" is "Ana R.".

    Empty for a name that is a phone number or an address in disguise.
    """
    name = name or ""
    if "@" in name or sum(map(str.isdigit, name)) >= _DIGITS_OF_A_PHONE:
        return ""
    words = (name if name.isprintable() else "".join(c if c.isprintable() else " " for c in name)).split()
    if not words:
        return ""
    initial = f" {words[-1][0]}." if len(words) > 1 else ""
    return words[0][:_LABEL_MAX] + initial


def sender_of(who: object) -> Sender:
    """The Sender of an opened `who`."""
    fields = who if isinstance(who, dict) else {}
    return Sender(**{name: fields.get(name) for name in _FIELDS})
