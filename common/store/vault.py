"""Sealing of what a customer wrote: AES-256-GCM, several keys while one is rotated out.

A sealed value is `key id (4 bytes) + nonce (12) + ciphertext`; the key id tells which key opens it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.errors import RelevoError
from common.messages import Json

_ID, _NONCE = 4, 12


class SealBroken(RelevoError):
    """A sealed value cannot be opened: its key is no longer in ENCRYPTION_KEY, or it was altered."""


class Vault:
    """Seals with the first key, opens with any.

    Args:
        secrets: ENCRYPTION_KEY split at commas, newest first; any length, stretched by SHA-256.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise ValueError("at least one encryption secret is needed")
        keys = [hashlib.sha256(b"relevo-seal\x00" + s.encode()).digest() for s in secrets]
        ids = [hashlib.sha256(b"id\x00" + key).digest()[:_ID] for key in keys]
        self._ciphers = {i: AESGCM(key) for i, key in zip(ids, keys, strict=True)}
        self._id, self._encrypt = ids[0], self._ciphers[ids[0]].encrypt
        self._lookup = [hashlib.sha256(b"relevo-alias\x00" + s.encode()).digest() for s in secrets]

    def seal(self, data: bytes) -> bytes:
        """`data`, readable only with the key."""
        nonce = os.urandom(_NONCE)
        return self._id + nonce + self._encrypt(nonce, data, None)

    def open(self, sealed: bytes) -> bytes:
        """The data that was sealed.

        Raises:
            SealBroken: no key of ours fits, or it was altered.
        """
        cipher = self._ciphers.get(sealed[:_ID])
        if cipher is None:
            raise SealBroken
        try:
            return cipher.decrypt(sealed[_ID : _ID + _NONCE], sealed[_ID + _NONCE :], None)
        except InvalidTag as error:
            raise SealBroken from error

    def seal_json(self, value: Json) -> bytes:
        return self.seal(orjson.dumps(value))

    def open_json(self, sealed: bytes) -> Json:
        return orjson.loads(self.open(sealed))

    def pseudonyms(self, kind: str, value: str) -> list[str]:
        """Keyed digests of an identity, one per key, the current key's first: look-ups without the identity at rest."""
        text = f"{kind}\x00{value}".encode()
        return [hashlib.blake2b(text, digest_size=16, key=key).hexdigest() for key in self._lookup]
