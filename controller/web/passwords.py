"""Passwords: argon2 in a thread, with the same work for a login that does not exist."""

from __future__ import annotations

import asyncio

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

MIN_LENGTH = 10
MAX_LENGTH = 256

#: One hash takes 64 MB and about 130 ms of a core; more at once would starve the controller.
AT_ONCE = 2


class Passwords:
    def __init__(self) -> None:
        self._hasher = PasswordHash.recommended()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether it fits. ``None`` (no such account) costs as much as a wrong password."""
        if len(password) > MAX_LENGTH:
            password, password_hash = password[:MAX_LENGTH], None
        async with self._turns:
            if self._decoy is None:
                self._decoy = await asyncio.to_thread(self._hasher.hash, "nobody's password")
            try:
                fits = await asyncio.to_thread(self._hasher.verify, password, password_hash or self._decoy)
            except UnknownHashError:
                return False
        return fits and password_hash is not None


def weakness(password: str) -> str | None:
    """What is wrong with a new password; None if nothing is."""
    if len(password) < MIN_LENGTH:
        return f"A password has {MIN_LENGTH} characters or more."
    if len(password) > MAX_LENGTH:
        return f"A password has {MAX_LENGTH} characters at the most."
    if len(set(password)) < 4:
        return "A password has more than three different characters."
    return None
