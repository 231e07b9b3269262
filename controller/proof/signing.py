"""Ed25519: the key file with the controller's keys, signatures, and what a public key looks like."""

from __future__ import annotations

import base64
import os
import re
import stat
import subprocess
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import KeyProblem

#: What is signed begins with one of these, so that no signature of one thing can be used as another's.
ENTRY = b"tapeline-proof-entry-1:"
MANIFEST = b"tapeline-proof-manifest-1:"

#: A public key is named by itself: its 32 bytes in lower-case hex.
PUBLIC = re.compile(r"[0-9a-f]{64}")

_SIGNATURE = re.compile(r"[0-9a-f]{128}")
_COMMAND_TIMEOUT_S = 30
_NO_KEY = "this is no public key: give the 64 letters that `tapeline proof key` prints, or a file with them"
_PEM = re.compile(rb"-----BEGIN PRIVATE KEY-----.*?-----END PRIVATE KEY-----\s*", re.DOTALL)


@dataclass(frozen=True)
class Signer:
    """One private key."""

    key: Ed25519PrivateKey

    @property
    def public(self) -> str:
        return self.key.public_key().public_bytes_raw().hex()

    def sign(self, purpose: bytes, digest: bytes) -> str:
        """The signature, in hex, of a 32-byte SHA-256 for one purpose."""
        return self.key.sign(purpose + digest).hex()


@dataclass(frozen=True)
class Keyring:
    """The controller's keys, oldest first; the last one signs, the others hand over to it."""

    signers: tuple[Signer, ...]

    @property
    def current(self) -> Signer:
        return self.signers[-1]

    def find(self, public: str) -> Signer | None:
        return next((x for x in self.signers if x.public == public), None)


def verified(public: str, purpose: bytes, digest: bytes, signature: str) -> bool:
    """Whether this signature (128 letters of hex) is that key's."""
    if not PUBLIC.fullmatch(public) or not _SIGNATURE.fullmatch(signature):
        return False  # bytes.fromhex takes blanks and capitals: a signature has one form
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(signature), purpose + digest)
    except (InvalidSignature, ValueError):
        return False
    return True


def new_key() -> bytes:
    """A fresh private key as PEM (PKCS 8)."""
    return Ed25519PrivateKey.generate().private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())


def public_pem(public: str) -> str:
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
    return key.public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo).decode()


def read_public(text: str) -> str:
    """A public key's hex out of hex, base64 or PEM. Raises KeyProblem."""
    text = text.strip()
    if PUBLIC.fullmatch(text.lower()):
        return text.lower()
    try:
        if "BEGIN PUBLIC KEY" in text:
            key = s.load_pem_public_key(text.encode())
            if isinstance(key, Ed25519PublicKey):
                return key.public_bytes_raw().hex()
        elif len(raw := base64.b64decode(text, validate=True)) == 32:
            return raw.hex()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyProblem(
            "this is no public key: give the 64 letters that `tapeline proof key` prints"
        ) from error
    raise KeyProblem("this is no Ed25519 public key: give the 64 letters that `tapeline proof key` prints")


def keyring(pem: bytes, where: str) -> Keyring:
    """The keys in a key file's bytes. Raises KeyProblem."""
    signers = []
    for part in _PEM.findall(pem):
        try:
            key = s.load_pem_private_key(part, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyProblem(f"proof: {where} holds something that is no private key") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyProblem(f"proof: {where} holds a key that is not Ed25519")
        signers.append(Signer(key))
    if not signers:
        raise KeyProblem(f"proof: {where} holds no private key in PEM")
    return Keyring(tuple(signers))


def load(file: Path, command: Sequence[str] = ()) -> Keyring:
    """The keys that the command prints, or those in the file; without a file one is made. Blocking.

    The file is made whole and for this user only, and of two processes that make it at once one wins.
    Raises KeyProblem.
    """
    if command:
        return keyring(_printed(command), f"what {command[0]} printed")
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                _write(file, new_key(), replace=False)
        if stat.S_IMODE(file.stat().st_mode) & 0o007:
            raise KeyProblem(
                f"proof.key_file: everybody may read {file}: chmod 600 it, and think of a new key"
            )
        return keyring(file.read_bytes(), str(file))
    except OSError as error:
        raise KeyProblem(f"proof.key_file: cannot use {file}: {error.strerror}") from error


def rotate(file: Path) -> Keyring:
    """Add a new key to the file, which signs from now on; the old ones stay, to hand over. Blocking."""
    load(file)
    try:
        pem = b"".join(_PEM.findall(file.read_bytes())).rstrip() + b"\n" + new_key()
        _write(file, pem, replace=True)
    except OSError as error:
        raise KeyProblem(f"proof.key_file: cannot write {file}: {error.strerror}") from error
    return load(file)


def _write(file: Path, pem: bytes, *, replace: bool) -> None:
    temp = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        with os.fdopen(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(pem)
            out.flush()
            os.fsync(out.fileno())
        if replace:
            temp.replace(file)
        else:
            os.link(temp, file)  # unlike a rename it fails if somebody else was faster
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        temp.unlink(missing_ok=True)


def _printed(command: Sequence[str]) -> bytes:
    try:
        done = subprocess.run(list(command), capture_output=True, timeout=_COMMAND_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KeyProblem(f"proof.key_command: {command[0]} could not be run: {error}") from error
    if done.returncode != 0:
        # What it said may hold a secret: the status has to do.
        raise KeyProblem(f"proof.key_command: {command[0]} ended with status {done.returncode}")
    return done.stdout
