"""How people come in: sessions, API tokens, second factors, identities of an OpenID provider, groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ..core.roles import Permission
from .people import Account, Scope


class Stage(StrEnum):
    """How far a sign-in has come. Only ``FULL`` is let in anywhere."""

    CODE = "code"  # the password was right; the second factor is asked for
    ENROL = "enrol"  # the account must set up a second factor first
    FULL = "full"


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A browser that has signed in. ``session_id`` is the SHA-256 of its cookie (hex), ``nonce`` its
    public name. ``device`` is what the browser calls itself, ``means`` how it came in."""

    session_id: str
    nonce: str
    account_id: str
    stage: Stage
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    address: str = ""
    device: str = ""
    means: str = "password"


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as it is listed; the token itself is shown once, when it is made. ``scopes``: the
    permissions that it may use of its account's; None: all of them."""

    token_id: str
    account_id: str
    label: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    scopes: tuple[Permission, ...] | None = None


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who a token speaks for."""

    account: Account
    token: ApiToken


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """A TOTP secret as it is kept (sealed by the web). ``confirmed_at`` None: being set up.
    ``last_step``: the latest time step (30 s) whose code was taken; none up to it is taken again."""

    account_id: str
    sealed: str
    confirmed_at: datetime | None
    last_step: int = 0


class MemberKind(StrEnum):
    USER = "user"
    QUEUE = "queue"
    RING_GROUP = "ring_group"


@dataclass(frozen=True, slots=True)
class Group:
    """A named list of a tenant's users, queues and ring groups, which supervisors are answerable for."""

    group_id: str
    tenant: str
    name: str
    members: tuple[tuple[MemberKind, str], ...] = ()

    def named(self, kind: MemberKind) -> tuple[str, ...]:
        return tuple(name for of, name in self.members if of is kind)


class SessionStore(Protocol):
    """Sessions, kept where every worker sees them and a restart leaves them."""

    async def add_session(self, session: SessionRow) -> None: ...

    async def session(self, session_id: str, now: datetime) -> tuple[SessionRow, Account] | None:
        """None for one that is unknown, has been ended or is too old. Notes its use, to the minute."""

    async def sessions(self, account_id: str, now: datetime) -> list[SessionRow]:
        """Those that count now, the latest used first."""

    async def end_session(self, account_id: str, nonce: str) -> bool: ...

    async def end_sessions(self, account_id: str, *, but: str = "") -> int:
        """All of the account's, but the one of this nonce."""


class TokenStore(Protocol):
    async def add_token(self, token: ApiToken, token_sha256: str) -> None: ...

    async def bearer(self, token_sha256: str, now: datetime) -> Bearer | None:
        """None for a token that is unknown or expired, or whose account is disabled."""

    async def tokens(self, account_id: str) -> list[ApiToken]: ...
    async def remove_token(self, account_id: str, token_id: str) -> bool: ...


class FactorStore(Protocol):
    async def second_factor(self, account_id: str) -> SecondFactor | None: ...

    async def begin_factor(self, account_id: str, sealed: str) -> None:
        """Begin to set one up; one that was begun before is replaced. Raises ValueError where there is
        one already."""

    async def confirm_factor(self, account_id: str, step: int, codes_sha256: Sequence[str]) -> bool:
        """It counts from now on, with these recovery codes. False if there is none to confirm."""

    async def spend_step(self, account_id: str, step: int) -> bool:
        """Take a code of this time step; False if one of it or of a later one was taken before."""

    async def spend_recovery_code(self, account_id: str, code_sha256: str) -> bool:
        """Each is good for once."""

    async def recovery_codes_left(self, account_id: str) -> int: ...
    async def replace_recovery_codes(self, account_id: str, codes_sha256: Sequence[str]) -> None: ...
    async def remove_factor(self, account_id: str) -> bool: ...


class IdentityStore(Protocol):
    """Who an OpenID provider's subjects are here."""

    async def account_of(self, issuer: str, subject: str) -> Account | None: ...

    async def link(self, issuer: str, subject: str, account_id: str) -> None:
        """Raises ValueError if the subject is somebody else's."""


class GroupStore(Protocol):
    async def groups(self, scope: Scope) -> list[Group]: ...

    async def set_group(self, group: Group) -> None:
        """Make or replace. Raises ValueError for a name that another group of the tenant has, and for
        a group that is another tenant's."""

    async def remove_group(self, scope: Scope, group_id: str) -> bool: ...
    async def groups_of(self, account_id: str) -> list[str]: ...

    async def set_groups_of(self, account_id: str, group_ids: Sequence[str]) -> None:
        """Raises ValueError for a group that is not of the account's tenant."""
