"""Who may sign in, what each may see, and what they did: people as the web reads and changes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ..core.roles import Role

__all__ = [
    "Account",
    "AuditEntry",
    "AuditFilter",
    "Credentials",
    "ListedAccount",
    "PeopleStore",
    "Role",
    "Scope",
    "Team",
]


@dataclass(frozen=True, slots=True)
class Team:
    """Whose calls a supervisor is answerable for: users, and whatever came through these queues and
    ring groups. An empty one is nobody's."""

    users: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()
    ring_groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Scope:
    """What an account may see. ``tenant`` None is every tenant (system administrator only);
    ``user`` not None narrows it to that extension's own calls, ``team`` to that team's."""

    tenant: str | None
    user: str | None = None
    team: Team | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in. ``extension`` is the switch user that a ``user`` account is, ``team``
    whom a ``supervisor`` supervises. ``looking_at``: the one tenant that a system administrator has chosen
    to see for now; it is kept nowhere and gives nobody anything. ``language``: the one that its pages are to
    be in, "" for whatever the browser asks for."""

    account_id: str
    login: str
    role: Role
    tenant: str | None
    extension: str | None
    disabled: bool = False
    team: Team = Team()
    looking_at: str | None = None
    language: str = ""

    @property
    def scope(self) -> Scope:
        if self.role is Role.SYSTEM:
            return Scope(self.looking_at)
        if not self.tenant or (self.role is Role.USER and not self.extension):
            raise ValueError(f"account {self.account_id} has no tenant or extension to be confined to")
        if self.role is Role.SUPERVISOR:
            return Scope(self.tenant, None, self.team)
        return Scope(self.tenant, self.extension if self.role is Role.USER else None)


@dataclass(frozen=True, slots=True)
class ListedAccount:
    """An account as lists show it. ``key`` is what lists are ordered by, ``groups`` a supervisor's."""

    account: Account
    key: str
    groups: tuple[str, ...]
    second_factor: bool


@dataclass(frozen=True, slots=True)
class Credentials:
    account: Account
    password_hash: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    at: datetime
    account: str
    tenant: str | None
    action: str
    subject: str
    detail: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """``account``, ``subject`` and ``detail`` match a part without case, ``action`` the whole."""

    account: str = ""
    action: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None


class PeopleStore(Protocol):
    """Who may sign in. Logins are unique over all tenants, compared without case."""

    async def add_account(self, account: Account, password_hash: str) -> None:
        """``password_hash`` "": no password fits. Raises ValueError if the login is taken."""

    async def change_account(self, account: Account) -> None:
        """Its role, extension and whether it is disabled. Raises ValueError as `add_account` does."""

    async def credentials(self, login: str) -> Credentials | None: ...
    async def account(self, account_id: str) -> Account | None: ...
    async def accounts(self, scope: Scope) -> list[Account]: ...

    async def accounts_page(
        self, scope: Scope, *, after: str = "", limit: int = 100, account_id: str | None = None
    ) -> tuple[list[ListedAccount], bool]:
        """By login, those after the key ``after``, and whether there are more. ``account_id``: only that."""

    async def set_password(self, account_id: str, password_hash: str, *, keep: str = "") -> None:
        """All its sessions end, but the one of the nonce ``keep``."""

    async def set_language(self, account_id: str, language: str) -> None:
        """ "" is whatever the browser asks for."""

    async def audit(self, entry: AuditEntry) -> None: ...
    async def audit_entries(self, scope: Scope, limit: int = 100) -> list[AuditEntry]: ...

    async def audit_page(
        self, scope: Scope, where: AuditFilter, *, limit: int = 100, before: int | None = None
    ) -> list[tuple[int, AuditEntry]]:
        """(number, line), the newest first; ``before``: only lines with a lower number."""

    async def audit_actions(self, scope: Scope) -> list[str]:
        """Every action that there is a line of."""
