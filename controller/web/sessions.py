"""Session cookies and form tokens, both signed by the server's key.

A session is bound to the account and to a fingerprint of its password's hash, so a new password
ends all of them. Signing out ends one: it is remembered here until it would have expired (in this
process; a restart forgets it, and the browser has dropped the cookie by then).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Response
from itsdangerous import BadSignature, URLSafeSerializer

LIFETIME = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Session:
    account_id: str
    fingerprint: str
    nonce: str
    issued: int


class Sessions:
    def __init__(self, secret: bytes, now: Callable[[], datetime], *, secure: bool) -> None:
        self._secret = secret
        self._now = now
        self._signer = URLSafeSerializer(
            secret, salt="tapeline.session", signer_kwargs={"digest_method": hashlib.sha256}
        )
        self._ended: dict[str, int] = {}
        self.secure = secure
        prefix = "__Host-" if secure else ""
        self.cookie = f"{prefix}tapeline"
        #: Binds the sign-in form to the browser before there is a session.
        self.form_cookie = f"{prefix}tapeline_form"

    def begin(self, account_id: str, password_hash: str) -> str:
        """The cookie's value of a new session."""
        issued = int(self._now().timestamp())
        fields = [account_id, self._fingerprint(password_hash), secrets.token_urlsafe(18), issued]
        return str(self._signer.dumps(fields))

    def read(self, cookie: str) -> Session | None:
        """The session of a cookie; None if it is forged, too old or has been ended."""
        try:
            account_id, fingerprint, nonce, issued = self._signer.loads(cookie)
        except (BadSignature, ValueError, TypeError):
            return None
        age = self._now().timestamp() - issued
        if not 0 <= age + 60 <= LIFETIME.total_seconds() + 60 or nonce in self._ended:
            return None
        return Session(account_id, fingerprint, nonce, issued)

    def fits(self, session: Session, password_hash: str) -> bool:
        """Whether the password is still the one the session was begun with."""
        return hmac.compare_digest(session.fingerprint, self._fingerprint(password_hash))

    def end(self, session: Session) -> None:
        now = self._now().timestamp()
        oldest = now - LIFETIME.total_seconds()
        self._ended = {n: issued for n, issued in self._ended.items() if issued > oldest}
        self._ended[session.nonce] = session.issued

    def form_token(self, nonce: str) -> str:
        """The token that a form of this session (or sign-in page) must bring back."""
        return hmac.new(self._secret, b"tapeline.form:" + nonce.encode(), hashlib.sha256).hexdigest()

    def form_token_fits(self, nonce: str, token: str) -> bool:
        return hmac.compare_digest(self.form_token(nonce).encode(), token.encode("utf-8", "replace"))

    def set_cookie(self, response: Response, value: str) -> None:
        response.set_cookie(
            self.cookie, value, max_age=int(LIFETIME.total_seconds()), path="/",
            secure=self.secure, httponly=True, samesite="lax",
        )  # fmt: skip

    def set_form_cookie(self, response: Response, value: str) -> None:
        response.set_cookie(
            self.form_cookie, value, path="/", secure=self.secure, httponly=True, samesite="strict"
        )

    def drop_cookie(self, response: Response) -> None:
        response.delete_cookie(self.cookie, path="/", secure=self.secure, httponly=True, samesite="lax")

    def _fingerprint(self, password_hash: str) -> str:
        return hmac.new(
            self._secret, b"tapeline.password:" + password_hash.encode(), hashlib.sha256
        ).hexdigest()[:32]
