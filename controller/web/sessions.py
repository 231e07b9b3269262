"""Session cookies and form tokens.

A cookie is 256 random bits; what it opens is a row of the catalog, by the hash of it. So signing out,
a new password and an administrator's "end this session" count at once, in every worker and after a
restart. Form tokens are signed by the server's key and bound to the session's nonce.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from fastapi import Response

from ..engine.entry import SessionRow, SessionStore, Stage
from ..engine.reading import Account

LIFETIME = timedelta(hours=12)
#: So long somebody whose password was right may look for the second factor.
HALF_WAY = timedelta(minutes=10)


class Sessions:
    def __init__(
        self, store: SessionStore, secret: bytes, now: Callable[[], datetime], *, secure: bool
    ) -> None:
        self._store = store
        self._secret = secret
        self._now = now
        self.secure = secure
        prefix = "__Host-" if secure else ""
        self.cookie = f"{prefix}tapeline"
        #: Binds the sign-in form to the browser before there is a session.
        self.form_cookie = f"{prefix}tapeline_form"

    async def begin(
        self, account_id: str, *, stage: Stage = Stage.FULL, address: str = "", device: str = "",
        means: str = "password",
    ) -> str:  # fmt: skip
        """The cookie's value of a new session."""
        cookie, now = secrets.token_urlsafe(32), self._now()
        lasts = LIFETIME if stage is Stage.FULL else HALF_WAY
        row = SessionRow(
            session_digest(cookie), secrets.token_urlsafe(18), account_id, stage, now, now, now + lasts,
            address[:64], device[:100], means,
        )  # fmt: skip
        await self._store.add_session(row)
        return cookie

    async def read(self, cookie: str) -> tuple[SessionRow, Account] | None:
        """The session of a cookie and whose it is, in whatever stage; None if it is forged, too old,
        has been ended, or the account is disabled."""
        if not 20 <= len(cookie) <= 200:
            return None
        return await self._store.session(session_digest(cookie), self._now())

    async def end(self, session: SessionRow) -> None:
        await self._store.end_session(session.account_id, session.nonce)

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


def session_digest(cookie: str) -> str:
    """What is stored of a cookie. It has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(cookie.encode("utf-8", "replace")).hexdigest()
