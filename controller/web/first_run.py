"""The first run: a token that makes the first administrator once, and what the guide looks at.

The page for it is there only while no account exists, and only for whoever has the token that
`tapeline serve` has printed where it runs. The token is in this process's memory, is good for one account,
and is a new one at each start.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from ..engine.people import PeopleStore, Scope
from ..engine.ports import Check

#: What is wrong or right of the machine and each switch, as `tapeline doctor` says it.
Doctor = Callable[[], Awaitable[list[tuple[str, list[Check]]]]]


@dataclass(frozen=True, slots=True)
class Newcomers:
    """What an import from a switch would make: users as (tenant, user, name)."""

    tenants: tuple[str, ...] = ()
    users: tuple[tuple[str, str, str], ...] = ()
    known: int = 0


class UserImport(Protocol):
    @property
    def switches(self) -> tuple[str, ...]: ...

    async def look(self, switch: str) -> Newcomers:
        """Raises TapelineError, OSError where the switch does not say."""

    async def make(self, switch: str) -> Newcomers:
        """Make them, and answer what was made."""


@dataclass(slots=True)
class Guide:
    """``doctor`` and ``users`` are given by whoever put the controller together; None: not here."""

    doctor: Doctor | None = None
    users: UserImport | None = None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def fits(self, token: str) -> bool:
        return bool(self.token) and hmac.compare_digest(self.token.encode(), token.encode("utf-8", "replace"))


async def nobody_yet(accounts: PeopleStore) -> bool:
    found, _ = await accounts.accounts_page(Scope(None), limit=1)
    return not found
