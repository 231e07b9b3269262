"""Secrets and signatures after the Standard Webhooks specification: ``v1`` (HMAC-SHA256 with the
endpoint's secret) and ``v1a`` (Ed25519 with this installation's key).

Both the key that seals the secrets in the catalog and the Ed25519 key are derived from the server's
secret (web.secret_file): whoever gets hold of the database alone signs nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..core.errors import TapelineError

PREFIX = "whsec_"
PUBLIC_PREFIX = "whpk_"
_SECRET_BYTES = 32


class HookSecretUnreadable(TapelineError):
    """A sealed secret was made with another web.secret_file; the endpoint needs a new one."""


class HookKeys:
    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(_derived(secret, b"tapeline.webhooks.seal"))
        self._key = Ed25519PrivateKey.from_private_bytes(_derived(secret, b"tapeline.webhooks.ed25519"))

    @property
    def public_key(self) -> str:
        return PUBLIC_PREFIX + base64.b64encode(self._key.public_key().public_bytes_raw()).decode()

    def new_secret(self, hook_id: str) -> tuple[str, str]:
        """(to be shown once, to be kept)."""
        raw = secrets.token_bytes(_SECRET_BYTES)
        nonce = secrets.token_bytes(12)
        sealed = base64.b64encode(nonce + self._cipher.encrypt(nonce, raw, hook_id.encode())).decode()
        return PREFIX + base64.b64encode(raw).decode(), sealed

    def open(self, hook_id: str, sealed: str) -> bytes:
        """Raises HookSecretUnreadable."""
        raw = base64.b64decode(sealed)
        try:
            return self._cipher.decrypt(raw[:12], raw[12:], hook_id.encode())
        except (InvalidTag, ValueError) as error:
            raise HookSecretUnreadable(
                "its secret was sealed with another web.secret_file; give the webhook a new one"
            ) from error

    def headers(self, message_id: str, at: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
        """``at``: seconds since 1970, of this try. One signature for each key, and ours."""
        signed = f"{message_id}.{at}.".encode() + body
        marks = [f"v1,{_base64(hmac.new(key, signed, hashlib.sha256).digest())}" for key in keys]
        marks.append(f"v1a,{_base64(self._key.sign(signed))}")
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(at),
            "webhook-signature": " ".join(marks),
        }


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=purpose).derive(secret)
