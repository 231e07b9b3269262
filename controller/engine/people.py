"""Who may sign in, what each may see, and what they did: people as the web reads and changes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ..core.roles import Role

__all__ = [
    "Account",
    "AccountStore",
    "ApiToken",
    "AuditEntry",
    "Credentials",
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
    whom a ``supervisor`` supervises."""

    account_id: str
    login: str
    role: Role
    tenant: str | None
    extension: str | None
    disabled: bool = False
    team: Team = Team()

    @property
    def scope(self) -> Scope:
        if self.role is Role.SYSTEM:
            return Scope(None)
        if not self.tenant or (self.role is Role.USER and not self.extension):
            raise ValueError(f"account {self.account_id} has no tenant or extension to be confined to")
        if self.role is Role.SUPERVISOR:
            return Scope(self.tenant, None, self.team)
        return Scope(self.tenant, self.extension if self.role is Role.USER else None)


@dataclass(frozen=True, slots=True)
class Credentials:
    account: Account
    password_hash: str


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as it is listed; the token itself is shown once, when it is made."""

    token_id: str
    account_id: str
    label: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    at: datetime
    account: str
    tenant: str | None
    action: str
    subject: str
    detail: str = ""
    address: str = ""


class AccountStore(Protocol):
    """Who may sign in. Logins are unique over all tenants, compared without case."""

    async def add_account(self, account: Account, password_hash: str) -> None:
        """Raises ValueError if the login is taken."""

    async def credentials(self, login: str) -> Credentials | None: ...
    async def account(self, account_id: str) -> Account | None: ...
    async def accounts(self, scope: Scope) -> list[Account]: ...
    async def set_password(self, account_id: str, password_hash: str) -> None: ...
    async def add_token(self, token: ApiToken, token_sha256: str) -> None: ...
    async def account_by_token(self, token_sha256: str, now: datetime) -> Account | None: ...
    async def tokens(self, account_id: str) -> list[ApiToken]: ...
    async def remove_token(self, account_id: str, token_id: str) -> bool: ...
    async def audit(self, entry: AuditEntry) -> None: ...
    async def audit_entries(self, scope: Scope, limit: int = 100) -> list[AuditEntry]: ...
