"""How controllers know each other: every question is signed with a key derived from `web.secret_file`, which
they share, so that the sessions of one are valid on the others."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping

from ..core.errors import TapelineError

#: Their clocks may differ by so much; a question is answered once.
WINDOW_S = 60
AT, ONCE, MARK = "tapeline-at", "tapeline-once", "tapeline-signature"


class NotAPeer(TapelineError):
    """A question that no controller of ours has signed, or not now."""


def peer_key(secret: bytes) -> bytes:
    return hmac.new(secret, b"tapeline.controllers", hashlib.sha256).digest()


def _signature(key: bytes, at: str, once: str, path: str, body: bytes) -> str:
    signed = b"\n".join((at.encode(), once.encode(), path.encode(), body))
    return hmac.new(key, signed, hashlib.sha256).hexdigest()


def sign(key: bytes, path: str, body: bytes, at: float) -> dict[str, str]:
    """``path`` with the name of the controller that is asked in front, so that nobody asks another one the
    same; ``at``: seconds since 1970."""
    when, once = str(int(at)), secrets.token_hex(12)
    return {AT: when, ONCE: once, MARK: _signature(key, when, once, path, body)}


class Checker:
    def __init__(self, key: bytes, now: Callable[[], float]) -> None:
        self._key = key
        self._now = now
        self._seen: dict[str, float] = {}

    def check(self, headers: Mapping[str, str], path: str, body: bytes) -> None:
        """Raises NotAPeer."""
        at, once, mark = (headers.get(name, "")[:80] for name in (AT, ONCE, MARK))
        expected = _signature(self._key, at, once, path, body)
        if not hmac.compare_digest(mark.encode(), expected.encode()):
            raise NotAPeer("not signed by a controller with the same web.secret_file")
        now = self._now()
        if abs(now - int(at)) > WINDOW_S:
            raise NotAPeer("the clocks of the two controllers differ by more than a minute")
        self._seen = {o: t for o, t in self._seen.items() if now - t <= 2 * WINDOW_S}
        if once in self._seen:
            raise NotAPeer("this question was asked before")
        self._seen[once] = now
