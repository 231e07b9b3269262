"""The sealed file of keys: opened by whom it is for, and by nobody else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from controller.backup import keybox
from controller.backup.errors import BackupError

KEYS = {"web.secret_file": bytes(range(48)), "proof.key_file": b"-----BEGIN PRIVATE KEY-----"}


def pair(kind: type[X25519PrivateKey] | type[Ed25519PrivateKey] = X25519PrivateKey) -> tuple[bytes, bytes]:
    key = kind.generate()
    private = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
    return private, key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)


def test_by_passphrase() -> None:
    box = keybox.seal_with_passphrase(KEYS, "correct horse battery")
    assert keybox.open_with_passphrase(box, "correct horse battery") == KEYS
    assert not any(value in box for value in KEYS.values())
    with pytest.raises(BackupError, match="wrong passphrase"):
        keybox.open_with_passphrase(box, "correct horse batterz")
    with pytest.raises(BackupError, match="too short"):
        keybox.seal_with_passphrase(KEYS, "12345")


def test_by_recipient() -> None:
    private, public = pair()
    box = keybox.seal_for(KEYS, public)
    assert keybox.open_with_identity(box, private) == KEYS
    with pytest.raises(BackupError, match="does not open"):
        keybox.open_with_identity(box, pair()[0])
    for other in (pair(Ed25519PrivateKey)[1], b"no key"):
        with pytest.raises(BackupError, match="no X25519 public key"):
            keybox.seal_for(KEYS, other)
    with pytest.raises(BackupError, match="no X25519 private key"):
        keybox.open_with_identity(box, public)


def test_the_other_way_in_is_named() -> None:
    private, public = pair()
    with pytest.raises(BackupError, match="--identity"):
        keybox.open_with_passphrase(keybox.seal_for(KEYS, public), "correct horse battery")
    with pytest.raises(BackupError, match="--passphrase-file"):
        keybox.open_with_identity(keybox.seal_with_passphrase(KEYS, "correct horse battery"), private)


def test_every_byte_counts() -> None:
    private, public = pair()
    box = keybox.seal_for(KEYS, public)
    for place in range(len(box)):
        changed = bytearray(box)
        changed[place] ^= 1
        with pytest.raises(BackupError):
            keybox.open_with_identity(bytes(changed), private)
        with pytest.raises(BackupError):
            keybox.open_with_identity(box[:place], private)
