"""Who may do what: the roles, the permissions, and the one table role × permission. Pure.

Which rows a role reaches is another question (engine.people.Scope); a permission says what may be done
with what is reached. docs/reference/access.md shows this table, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class Role(StrEnum):
    """``supervisor`` reaches the calls of its groups, ``user`` only those of its own extension."""

    SYSTEM = "system_administrator"
    TENANT = "tenant_administrator"
    SUPERVISOR = "supervisor"
    COMPLIANCE = "compliance_officer"
    USER = "user"


class Permission(StrEnum):
    """What a route is for. Each route declares one; without one nobody gets in (web.access)."""

    OWN_ACCOUNT = "own_account"
    SEE_CALLS = "see_calls"
    LISTEN = "listen"
    DOWNLOAD = "download"
    EXPORT = "export"
    SHARE = "share"
    ANNOTATE = "annotate"
    SEE_LIVE = "see_live"
    CONTROL_LIVE = "control_live"
    HOLD = "hold"
    DELETE = "delete"
    ERASE = "erase"
    SEE_UNREDACTED = "see_unredacted"
    HEAR_WITHHELD = "hear_withheld"
    SEE_POLICY = "see_policy"
    CHANGE_POLICY = "change_policy"
    CHANGE_OPTIONS = "change_options"
    MANAGE_ACCOUNTS = "manage_accounts"
    MANAGE_SHARES = "manage_shares"
    MANAGE_JOBS = "manage_jobs"
    MANAGE_WEBHOOKS = "manage_webhooks"
    SEE_AUDIT = "see_audit"
    SYSTEM_SETTINGS = "system_settings"


P = Permission

#: In people's words, for the pages, the reference and the scopes of tokens.
MEANING: dict[Permission, str] = {
    P.OWN_ACCOUNT: "the own account, and how the switches are",
    P.SEE_CALLS: "see calls, recordings and where they are sealed",
    P.LISTEN: "listen to recordings and read their transcripts",
    P.DOWNLOAD: "download a recording",
    P.EXPORT: "export many recordings at once, and evidence",
    P.SHARE: "make links to recordings",
    P.ANNOTATE: "tags and notes",
    P.SEE_LIVE: "see the calls that are up",
    P.CONTROL_LIVE: "pause, resume, start and stop running recordings, as the policy allows",
    P.HOLD: "set and lift a legal hold",
    P.DELETE: "put recordings into the trash, and take them out",
    P.ERASE: "erase a person's recordings for good",
    P.SEE_UNREDACTED: "read and hear what is redacted for others, and choose what is",
    P.HEAR_WITHHELD: "hear what nothing but a legal hold keeps",
    P.SEE_POLICY: "see users' settings, rules and options, and explain decisions",
    P.CHANGE_POLICY: "change users' settings and rules",
    P.CHANGE_OPTIONS: "change the tenant's options",
    P.MANAGE_ACCOUNTS: "make and change accounts and groups, end sessions, remove tokens",
    P.MANAGE_SHARES: "see and revoke links that others have made",
    P.MANAGE_JOBS: "see and repeat background work",
    P.MANAGE_WEBHOOKS: "set up webhooks, read and repeat their deliveries",
    P.SEE_AUDIT: "read and export the audit",
    P.SYSTEM_SETTINGS: "the system's settings, stores and switches",
}

_USER = frozenset({P.OWN_ACCOUNT, P.SEE_CALLS, P.LISTEN, P.DOWNLOAD, P.ANNOTATE, P.SEE_LIVE, P.CONTROL_LIVE})

#: What not even an administrator has, who may give it to somebody all the same: whoever puts a hold on
#: somebody must not thereby hear what that person would not have kept.
APART = frozenset({P.HEAR_WITHHELD})

#: The one table.
GRANTS: dict[Role, frozenset[Permission]] = {
    Role.SYSTEM: frozenset(Permission) - APART,
    Role.TENANT: frozenset(Permission) - APART - {P.SYSTEM_SETTINGS},
    Role.SUPERVISOR: _USER | {P.SHARE},
    Role.COMPLIANCE: frozenset(
        {
            P.OWN_ACCOUNT, P.SEE_CALLS, P.LISTEN, P.DOWNLOAD, P.EXPORT, P.ANNOTATE, P.HOLD,
            P.SEE_UNREDACTED, P.HEAR_WITHHELD, P.SEE_POLICY, P.MANAGE_SHARES, P.SEE_AUDIT,
        }
    ),
    Role.USER: _USER,
}  # fmt: skip

#: What an account of the role must name beside its tenant, so that its reach is no wider than its role.
NEEDS_TENANT = frozenset(Role) - {Role.SYSTEM}
NEEDS_EXTENSION = frozenset({Role.USER})


def allows(role: Role, permission: Permission, scopes: Collection[Permission] | None = None) -> bool:
    """Whether the role has the permission and the token's scopes (None: no token, or a token for
    everything) cover it. The own account is in every scope: a token may always ask whose it is."""
    if permission not in GRANTS[role]:
        return False
    return scopes is None or permission is Permission.OWN_ACCOUNT or permission in scopes


def may_give(giver: Role, role: Role) -> bool:
    """Whether who has one role may make accounts of the other: nobody gives more than they have."""
    return Permission.MANAGE_ACCOUNTS in GRANTS[giver] and GRANTS[role] - APART <= GRANTS[giver]
