"""AES-256-GCM as files and keys are sealed with it. To be imported late: its library is large, and most
recordings are not sealed."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import DoesNotOpen


class Cipher:
    """``key`` is 32 bytes; ``beside`` is not encrypted, and has to be the same when it is opened."""

    __slots__ = ("_aes",)

    def __init__(self, key: bytes) -> None:
        self._aes = AESGCM(key)

    def encrypt(self, nonce: bytes, plain: bytes | memoryview, beside: bytes) -> bytes:
        return self._aes.encrypt(nonce, plain, beside)

    def decrypt(self, nonce: bytes, sealed: bytes | bytearray | memoryview, beside: bytes) -> bytes:
        """Raises DoesNotOpen if anything of it is not what was encrypted."""
        try:
            return self._aes.decrypt(nonce, sealed, beside)
        except InvalidTag as error:
            raise DoesNotOpen from error


def derived(key: bytes, salt: bytes, info: bytes) -> Cipher:
    """With a key of its own, made of another one by HKDF with SHA-256."""
    return Cipher(HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(key))
