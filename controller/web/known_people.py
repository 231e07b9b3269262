"""Whose account somebody has whom an OpenID provider has let in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..core.roles import Role
from ..engine.reading import Account, AuditEntry
from .api.settings_bodies import TENANT, USER
from .oidc import Arrived
from .services import Services
from .sign_in_rules import ClaimRule, OidcSettings

LOGIN = r"^[^\s\x00-\x1f\x7f]{1,200}$"


async def account_of(parts: Services, settings: OidcSettings, who: Arrived, address: str) -> Account | None:
    """By the subject; or by a verified e-mail address that is an account's login; or made, where the
    operator wants that and a rule fits. None for a stranger.

    Where the operator lets accounts be made, the provider's claims govern: the role follows them at each
    sign-in, and whom no rule fits any more is a stranger.
    """
    fitting = claimed(settings, who.claims)
    account = await parts.accounts.account_of(settings.issuer, who.subject)
    if account is None:
        account = await _by_email(parts, settings, who, address)
    if not settings.create:
        return account
    if fitting is None:
        return None
    role, tenant, extension = fitting
    if account is None:
        return await _made(
            parts, settings, who, Account(parts.new_id(), "", role, tenant, extension), address
        )
    if account.tenant != tenant:
        return None  # accounts do not wander between tenants
    wanted = replace(account, role=role, extension=extension)
    if wanted != account:
        await parts.accounts.change_account(wanted)
        detail = f"role: {account.role} → {role}, by {settings.name}"
        await _note(parts, wanted, "account changed", detail, address)
        return await parts.accounts.account(account.account_id)
    return account


def claimed(settings: OidcSettings, claims: Mapping[str, Any]) -> tuple[Role, str | None, str | None] | None:
    """(role, tenant, extension) by the first rule that fits; None if none does."""
    for rule in settings.rules:
        if not _fits(rule, claims.get(rule.claim)):
            continue
        tenant = rule.tenant
        if tenant is not None and tenant.startswith("$"):
            tenant = _text(claims.get(tenant[1:]), TENANT)
            if tenant is None:
                continue
        extension = _text(claims.get(rule.extension_claim), USER) if rule.extension_claim else None
        if rule.role is Role.USER and extension is None:
            continue
        return rule.role, tenant, extension
    return None


def _fits(rule: ClaimRule, claim: object) -> bool:
    return rule.value in claim if isinstance(claim, list) else claim == rule.value


def _text(claim: object, pattern: str) -> str | None:
    return claim if isinstance(claim, str) and re.fullmatch(pattern, claim) else None


async def _by_email(parts: Services, settings: OidcSettings, who: Arrived, address: str) -> Account | None:
    email = who.verified_email
    found = await parts.accounts.credentials(email) if re.fullmatch(LOGIN, email) else None
    if found is None:
        return None
    await parts.accounts.link(settings.issuer, who.subject, found.account.account_id)
    await _note(parts, found.account, "identity linked", f"{settings.issuer} {who.subject}", address)
    return found.account


async def _made(
    parts: Services, settings: OidcSettings, who: Arrived, account: Account, address: str
) -> Account | None:
    login = who.claims.get(settings.login_claim)
    # An address that the provider has not verified could be anybody's, and would be a login for good.
    if settings.login_claim == "email":
        login = who.verified_email
    if not isinstance(login, str) or not re.fullmatch(LOGIN, login):
        return None
    made = replace(account, login=login)
    try:
        await parts.accounts.add_account(made, "")
    except ValueError:
        return None  # somebody has the login who has not shown to be the same
    await parts.accounts.link(settings.issuer, who.subject, made.account_id)
    await _note(parts, made, "account made", f"{made.role}, by {settings.name}", address)
    return made


async def _note(parts: Services, account: Account, action: str, detail: str, address: str) -> None:
    await parts.accounts.audit(
        AuditEntry(parts.now(), account.login, account.tenant, action, account.login, detail[:1000], address)
    )
