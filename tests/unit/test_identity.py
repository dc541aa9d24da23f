"""How a person is known, and what of it may be read."""

from __future__ import annotations

import pytest

from common.conversations.identity import identify, label_of, sender_of
from common.messages import Sender
from common.store.vault import SealBroken, Vault


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Ana María Ruiz", "Ana R."), ("Ana", "Ana"), (None, ""), ("   ", ""), ("+57 300 123 4567", ""),
        ("ana@example.com", ""), ("A\x00na\nRuiz", "A R."), ("🌸 Flor", "🌸 F."), ("x" * 99, "x" * 24),
    ],
)  # fmt: skip
def test_a_label_tells_people_apart_and_gives_nothing_away(name: str | None, label: str) -> None:
    """First name and initial; never a number or an address."""
    assert label_of(name) == label


def test_an_identity_is_sealed_and_its_aliases_need_the_key() -> None:
    """The phone stands nowhere in it; the same person has the same aliases, another key gives others."""
    vault = Vault(["one"])
    sender = Sender(wa_id="573001234567", user_id="CO.1", name="Ana")
    who = identify(sender, vault)
    assert b"573001234567" not in who.who
    assert sender_of(vault.open_json(who.who)) == sender
    assert identify(sender, vault).aliases == who.aliases
    assert set(identify(sender, Vault(["two"])).aliases).isdisjoint(who.aliases)
    assert who.tail == "4567"


def test_a_rotated_key_still_opens_and_finds() -> None:
    """With the old key second, old seals open and old aliases are still among those looked for."""
    old, both = Vault(["old"]), Vault(["new", "old"])
    sender = Sender(wa_id="573001234567")
    assert both.open(old.seal(b"x")) == b"x"
    assert set(identify(sender, old).aliases) <= set(identify(sender, both).aliases)
    with pytest.raises(SealBroken):
        Vault(["new"]).open(old.seal(b"x"))
    with pytest.raises(SealBroken):
        both.open((sealed := both.seal(b"x"))[:-1] + bytes([sealed[-1] ^ 1]))
