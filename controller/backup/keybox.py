"""The controller's keys in one sealed file: opened by a passphrase, or by somebody's private key.

``TAPELINE-KEYS-1``, a line of JSON (how it is opened), then AES-256-GCM over JSON {name: base64}. By
passphrase the key is scrypt's (n=2^17, r=8, p=1); by recipient it is HKDF-SHA256 over an X25519 exchange with
a key made for this file alone. The first two lines are authenticated with the rest.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from .errors import BackupError

_MAGIC = b"TAPELINE-KEYS-1\n"
_COST = 2**17
MIN_PASSPHRASE = 12

_WANTS = {
    "passphrase": "keys.sealed is opened by a passphrase: give --passphrase-file",
    "recipient": "keys.sealed is opened by a private key: give --identity",
}

Keys = Mapping[str, bytes]


def seal_with_passphrase(keys: Keys, passphrase: str) -> bytes:
    """Raises BackupError for a passphrase that is too short."""
    if len(passphrase) < MIN_PASSPHRASE:
        raise BackupError(f"the passphrase is too short: give at least {MIN_PASSPHRASE} letters")
    salt = os.urandom(16)
    return _sealed(keys, {"by": "passphrase", "salt": salt.hex()}, _of_passphrase(passphrase, salt))


def seal_for(keys: Keys, pem: bytes) -> bytes:
    """``pem``: an X25519 public key. Raises BackupError."""
    try:
        recipient = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        recipient = None
    if not isinstance(recipient, X25519PublicKey):
        raise BackupError(
            "the recipient's key is no X25519 public key in PEM: make a pair with "
            "`openssl genpkey -algorithm X25519 -out backup.key` and `openssl pkey -in backup.key -pubout`"
        )
    once = X25519PrivateKey.generate()
    ours = once.public_key().public_bytes_raw()
    head = {"by": "recipient", "to": recipient.public_bytes_raw().hex(), "from": ours.hex()}
    return _sealed(keys, head, _of_exchange(once.exchange(recipient), ours, recipient.public_bytes_raw()))


def open_with_passphrase(box: bytes, passphrase: str) -> dict[str, bytes]:
    """Raises BackupError."""
    return _opened(box, "passphrase", lambda head: _of_passphrase(passphrase, bytes.fromhex(head["salt"])))


def open_with_identity(box: bytes, pem: bytes) -> dict[str, bytes]:
    """``pem``: the recipient's private key. Raises BackupError."""
    try:
        identity = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        identity = None
    if not isinstance(identity, X25519PrivateKey):
        raise BackupError("--identity is no X25519 private key in PEM without a passphrase")

    def derive(head: Mapping[str, str]) -> bytes:
        ours = bytes.fromhex(head["from"])
        shared = identity.exchange(X25519PublicKey.from_public_bytes(ours))
        return _of_exchange(shared, ours, identity.public_key().public_bytes_raw())

    return _opened(box, "recipient", derive)


def _sealed(keys: Keys, head: Mapping[str, str], key: bytes) -> bytes:
    front = _MAGIC + json.dumps(head, sort_keys=True).encode() + b"\n"
    plain = json.dumps({name: base64.b64encode(value).decode() for name, value in keys.items()}).encode()
    nonce = os.urandom(12)
    return front + nonce + AESGCM(key).encrypt(nonce, plain, front)


def _opened(box: bytes, by: str, derive: Callable[[Any], bytes]) -> dict[str, bytes]:
    first, _, rest = box.partition(b"\n")
    line, _, sealed = rest.partition(b"\n")
    try:
        head = json.loads(line)
        if first + b"\n" != _MAGIC or not isinstance(head, dict):
            raise ValueError
    except ValueError:
        raise BackupError("keys.sealed is no sealed file of keys of this version") from None
    if head.get("by") != by:
        raise BackupError(_WANTS.get(str(head.get("by")), "keys.sealed was made by a newer version"))
    try:
        plain = AESGCM(derive(head)).decrypt(sealed[:12], sealed[12:], first + b"\n" + line + b"\n")
        return {name: base64.b64decode(value) for name, value in json.loads(plain).items()}
    except (InvalidTag, KeyError, ValueError):
        raise BackupError(
            "keys.sealed does not open: the wrong passphrase or private key, or it was changed"
        ) from None


def _of_passphrase(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_COST, r=8, p=1).derive(passphrase.encode())


def _of_exchange(shared: bytes, ours: bytes, theirs: bytes) -> bytes:
    info = b"tapeline-backup-keys-1"
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=ours + theirs, info=info).derive(shared)
