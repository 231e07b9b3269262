"""Passwords: argon2 in a thread, with the same work for a login that does not exist.

The rules are those of NIST SP 800-63B-4, 3.1.1.2: a length (15 where the password is the only factor),
nothing about which characters, no expiry, and nothing that a guesser would try first.
"""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections.abc import Sequence

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from zxcvbn import zxcvbn

MIN_LENGTH = 15
MAX_LENGTH = 256
#: A guesser needs fewer than 10 to the power of this many attempts. The estimate knows the 30,000
#: commonest passwords, English words and names, keyboards' rows, sequences and repetitions.
WEAK_BELOW = 8.0
#: Nobody guesses at more of it than this, and the estimate's work grows with the square.
ESTIMATED = 64

#: One hash takes 64 MB and about 130 ms of a core; more at once would starve the controller.
AT_ONCE = 2


class Passwords:
    def __init__(self) -> None:
        self._hasher = PasswordHash.recommended()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, normal(password))

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether it fits. None or "" (no such account, or none that has a password) costs as much as
        a wrong password."""
        password = normal(password)
        if len(password) > MAX_LENGTH:
            password, password_hash = password[:MAX_LENGTH], None
        async with self._turns:
            if self._decoy is None:
                self._decoy = await asyncio.to_thread(self._hasher.hash, secrets.token_hex())
            try:
                fits = await asyncio.to_thread(self._hasher.verify, password, password_hash or self._decoy)
            except UnknownHashError:
                return False
        return fits and bool(password_hash)


def normal(password: str) -> str:
    """The same password from every keyboard: NFKC, as NIST has it."""
    return unicodedata.normalize("NFKC", password)


def weakness(password: str, about: Sequence[str | None] = (), least: int = MIN_LENGTH) -> str | None:
    """What is wrong with a new password; None if nothing is. ``about``: what everybody knows of the
    account (its login, its tenant), ``least``: how many characters it must have."""
    password = normal(password)
    if len(password) < least:
        return f"A password has {least} characters or more. Several words are easy to keep in mind."
    if len(password) > MAX_LENGTH:
        return f"A password has {MAX_LENGTH} characters at the most."
    known = ["tapeline", "recording", *(a for a in about if a)]
    if zxcvbn(password[:ESTIMATED], user_inputs=known)["guesses_log10"] < WEAK_BELOW:
        return "This is among the first that somebody would try. Take words that nobody connects with you."
    return None
