"""The signature of a webhook."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from common.channels.whatsapp.signature import sign, verify

RAW = b'{"a":"\\u00e1"}'
HEX = hmac.new(b"secret", RAW, hashlib.sha256).hexdigest()


def test_a_body_signed_with_the_secret_is_accepted():
    """Meta's header, and ours for the simulator, are the same."""
    assert verify(RAW, f"sha256={HEX}", [b"secret"])
    assert sign(RAW, b"secret") == f"sha256={HEX}"


def test_any_of_several_secrets_will_do():
    """While an app secret is rotated both are in use."""
    assert verify(RAW, f"sha256={HEX}", [b"new", b"secret"])
    assert verify(RAW, f"sha256={HEX}", [b"secret", b"new"])


@pytest.mark.parametrize(
    "header",
    [
        None, "", "sha256=", HEX, f"sha1={HEX}", f"SHA256={HEX}", f"sha256={HEX[:-1]}", f"sha256={HEX}0",
        f"sha256={HEX}\n", f" sha256={HEX}", f"sha256={'g' * 64}", "sha256=" + "é" * 64, "sha256=" + "\u0661" * 64, "é",
        "\ud800", f"sha256={'0' * 64}", "sha256=" + "0" * 100_000,
    ],
    ids=lambda header: repr(header)[:24],
)  # fmt: skip
def test_a_header_that_is_missing_malformed_or_wrong_is_refused(header):
    """Without an error, whatever it is made of."""
    assert not verify(RAW, header, [b"secret"])


def test_a_changed_body_is_refused():
    """One byte is enough; the same JSON written differently is another body."""
    assert not verify(RAW + b" ", f"sha256={HEX}", [b"secret"])


def test_nothing_is_accepted_without_a_secret():
    """An empty key signs nothing, even where its signature is right."""
    assert not verify(RAW, sign(RAW, b""), [b""])
    assert not verify(RAW, f"sha256={HEX}", [])
