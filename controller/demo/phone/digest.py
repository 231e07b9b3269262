"""Digest credentials for a challenge (RFC 3261 section 22, RFC 7616)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import partial

from .message import Message, token

_PARAMETER = re.compile(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",\s]+))')
_ALGORITHMS = {"MD5": "md5", "SHA-256": "sha256"}
_ANSWERS = {"www-authenticate": "Authorization", "proxy-authenticate": "Proxy-Authorization"}


@dataclass(frozen=True, slots=True)
class Credentials:
    username: str
    password: str = field(repr=False)


def answer(challenge: Message, method: str, uri: str, credentials: Credentials) -> str | None:
    """The header line that answers a 401 or 407; None if nothing in it can be answered."""
    for header, name in _ANSWERS.items():
        for value in challenge.all(header):
            asked = {key.lower(): quoted or plain for key, quoted, plain in _PARAMETER.findall(value)}
            algorithm = _ALGORITHMS.get(asked.get("algorithm", "MD5").upper())
            if algorithm is None or not value.lower().startswith("digest") or "nonce" not in asked:
                continue
            digest = partial(_digest, algorithm)
            realm, nonce = asked.get("realm", ""), asked["nonce"]
            secret = digest(f"{credentials.username}:{realm}:{credentials.password}")
            wanted = digest(f"{method}:{uri}")
            fields = [
                f'username="{credentials.username}"',
                f'realm="{realm}"',
                f'nonce="{nonce}"',
                f'uri="{uri}"',
                f"algorithm={asked.get('algorithm', 'MD5')}",
            ]
            if "auth" in re.split(r"[,\s]+", asked.get("qop", "")):
                cnonce = token(16)
                fields.append(f'response="{digest(f"{secret}:{nonce}:00000001:{cnonce}:auth:{wanted}")}"')
                fields.append(f'qop=auth, nc=00000001, cnonce="{cnonce}"')
            else:
                fields.append(f'response="{digest(f"{secret}:{nonce}:{wanted}")}"')
            if "opaque" in asked:
                fields.append(f'opaque="{asked["opaque"]}"')
            return f"{name}: Digest {', '.join(fields)}"
    return None


def _digest(algorithm: str, text: str) -> str:
    return hashlib.new(algorithm, text.encode("utf-8", "surrogateescape")).hexdigest()
