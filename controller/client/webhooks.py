"""Checks that a webhook comes from this Tapeline, is whole and is not an old one sent again."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

#: Seconds that the sender's clock may differ, and the way may take.
TOLERANCE_S = 300


class BadSignature(ValueError):
    """It is not to be believed; the text says why."""


def verify(
    headers: Mapping[str, str], body: bytes, *, secret: str = "", public_key: str = "",
    now: float | None = None, tolerance_s: float = TOLERANCE_S,
) -> str:  # fmt: skip
    """The message's id (the same at each try: remember it to handle each once). ``body``: the bytes as they
    came. ``secret`` (``whsec_…``) checks the ``v1`` signatures, ``public_key`` (``whpk_…``) the ``v1a``
    ones; give one. Raises BadSignature."""
    if bool(secret) == bool(public_key):
        raise ValueError("give the secret or the public key")
    given = {name.lower(): value for name, value in headers.items()}
    try:
        message, at, marks = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        sent = int(at)
    except (KeyError, ValueError) as error:
        raise BadSignature("the webhook-* headers are missing or no headers of a webhook") from error
    if abs((time.time() if now is None else now) - sent) > tolerance_s:
        raise BadSignature("it was sent too long ago, or the clocks differ")
    signed = f"{message}.{sent}.".encode() + body
    wanted = "v1a" if public_key else "v1"
    for mark in marks.split():
        version, _, signature = mark.partition(",")
        if version == wanted and _fits(signed, signature, secret, public_key):
            return message
    raise BadSignature(f"no {wanted} signature fits")


def _fits(signed: bytes, signature: str, secret: str, public_key: str) -> bool:
    try:
        raw = base64.b64decode(signature, validate=True)
        key = base64.b64decode((secret or public_key).partition("_")[2], validate=True)
        if secret:
            return hmac.compare_digest(hmac.new(key, signed, hashlib.sha256).digest(), raw)
        Ed25519PublicKey.from_public_bytes(key).verify(raw, signed)
    except (binascii.Error, InvalidSignature, ValueError):
        return False
    return True
