"""Browsers: what to call one in a list, and which of them an account has signed in with before."""

from __future__ import annotations

import hashlib
import re
import secrets

from fastapi import Request, Response
from itsdangerous import BadSignature, URLSafeSerializer

_BROWSERS = (
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"),
    ("Safari/", "Safari"), ("curl/", "curl"), ("python-", "a script"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip
_KEPT_S = 180 * 86_400
_MOST_ACCOUNTS = 8


def device_name(user_agent: str) -> str:
    """``Firefox on Windows``, as far as the browser tells; for people, proves nothing."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or re.sub(r"[^ -~]", "", user_agent)[:40] or "unknown"


class Devices:
    """A signed cookie with the accounts that have signed in from this browser. It opens nothing; it
    only lets its browser try on while strangers use up the attempts of the login."""

    def __init__(self, secret: bytes, *, secure: bool) -> None:
        self._signer = URLSafeSerializer(
            secret, salt="tapeline.device", signer_kwargs={"digest_method": hashlib.sha256}
        )
        self._secure = secure
        self.cookie = f"{'__Host-' if secure else ''}tapeline_device"

    def of(self, request: Request, account_id: str) -> str:
        """The device's id, if this account has signed in with it before; "" otherwise."""
        device, accounts = self._read(request)
        return device if account_id in accounts else ""

    def remember(self, request: Request, response: Response, account_id: str) -> None:
        device, accounts = self._read(request)
        kept = [account_id, *(a for a in accounts if a != account_id)][:_MOST_ACCOUNTS]
        value = str(self._signer.dumps([device or secrets.token_urlsafe(12), kept]))
        response.set_cookie(
            self.cookie, value, max_age=_KEPT_S, path="/", secure=self._secure, httponly=True, samesite="lax"
        )

    def _read(self, request: Request) -> tuple[str, list[str]]:
        try:
            device, accounts = self._signer.loads(request.cookies.get(self.cookie, ""))
        except (BadSignature, ValueError, TypeError):
            return "", []
        return str(device), [str(a) for a in accounts]
