"""The second factor: time-based codes (RFC 6238) and recovery codes.

Secrets are sealed by a key that is derived from the server's, so that whoever gets hold of the
database alone makes no codes. A code is taken once: its time step is spent in the catalog.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime

import pyotp
import segno
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..core.errors import TapelineError
from ..engine.entry import FactorStore

STEP_S = 30
#: Clocks differ: the step before and the one after are taken too (RFC 6238, 5.2).
WINDOW = (0, -1, 1)
RECOVERY_CODES = 10
ISSUER = "Tapeline"


class SecretUnreadable(TapelineError):
    """A sealed secret was made with another web.secret_file; the second factor has to be reset."""


class SecondFactors:
    def __init__(self, store: FactorStore, secret: bytes) -> None:
        self._store = store
        key = HKDF(SHA256(), 32, salt=None, info=b"tapeline.second_factor").derive(secret)
        self._cipher = AESGCM(key)

    async def begin(self, account_id: str) -> str:
        """A new secret (base32), which counts once a code of it was given back. Raises ValueError where
        the account has a second factor already."""
        secret = pyotp.random_base32()
        await self._store.begin_factor(account_id, self._seal(account_id, secret))
        return secret

    async def pending(self, account_id: str) -> str | None:
        """The secret that is being set up; None without one."""
        found = await self._store.second_factor(account_id)
        if found is None or found.confirmed_at is not None:
            return None
        return self._open(account_id, found.sealed)

    async def confirm(self, account_id: str, code: str, now: datetime) -> list[str] | None:
        """The recovery codes, to be shown this once; None if the code does not fit."""
        found = await self._store.second_factor(account_id)
        if found is None or found.confirmed_at is not None:
            return None
        step = _step_of(self._open(account_id, found.sealed), code, now)
        codes = new_recovery_codes()
        if step is None or not await self._store.confirm_factor(account_id, step, list(map(_digest, codes))):
            return None
        return codes

    async def check(self, account_id: str, code: str, now: datetime) -> str:
        """``code`` or ``recovery code`` if it fits and was not used before, "" if not."""
        text = "".join(code.split()).replace("-", "").lower()
        if len(text) == _RECOVERY_LENGTH:
            return "recovery code" if await self._store.spend_recovery_code(account_id, _digest(text)) else ""
        found = await self._store.second_factor(account_id)
        if found is None or found.confirmed_at is None:
            return ""
        step = _step_of(self._open(account_id, found.sealed), text, now)
        return "code" if step is not None and await self._store.spend_step(account_id, step) else ""

    async def renew_recovery_codes(self, account_id: str) -> list[str]:
        codes = new_recovery_codes()
        await self._store.replace_recovery_codes(account_id, list(map(_digest, codes)))
        return codes

    def _seal(self, account_id: str, secret: str) -> str:
        nonce = secrets.token_bytes(12)
        return base64.b64encode(
            nonce + self._cipher.encrypt(nonce, secret.encode(), account_id.encode())
        ).decode()

    def _open(self, account_id: str, sealed: str) -> str:
        raw = base64.b64decode(sealed)
        try:
            return self._cipher.decrypt(raw[:12], raw[12:], account_id.encode()).decode()
        except InvalidTag as error:
            raise SecretUnreadable(
                "the second factor was sealed with another web.secret_file: tapeline user reset-totp"
            ) from error


def provisioning_uri(secret: str, login: str) -> str:
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER)


def qr_code(uri: str) -> str:
    """An SVG element, without inline style."""
    return segno.make(uri, micro=False, error="m").svg_inline(
        scale=5,
        border=3,
        dark="#000",
        light="#fff",
        svgclass="qr",
        lineclass=None,
        omitsize=False,
        title="QR code",
    )


_RECOVERY_LENGTH = 16


def new_recovery_codes() -> list[str]:
    """80 random bits each, in groups of four for the eye."""
    texts = (base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES))
    return ["-".join(text[n : n + 4] for n in range(0, _RECOVERY_LENGTH, 4)) for text in texts]


def _digest(code: str) -> str:
    return hashlib.sha256(code.replace("-", "").encode()).hexdigest()


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    """Which time step the code is of; None if it fits none that is near."""
    text = "".join(code.split())
    if len(text) != 6 or not (text.isascii() and text.isdigit()):
        return None
    here = int(now.timestamp()) // STEP_S
    totp = pyotp.TOTP(secret)
    fitting = [
        step for step in (here + n for n in WINDOW) if hmac.compare_digest(totp.generate_otp(step), text)
    ]
    return max(fitting, default=None)
