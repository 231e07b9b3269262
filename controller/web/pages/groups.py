"""Company › Groups: whose calls supervisors are answerable for."""

from __future__ import annotations

import re
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ...core.rules import PolicyScope
from ...engine.entry import Group, MemberKind
from ...engine.reading import Account, Scope
from ..api import groups as api
from ..api.params import plain
from ..permits import AccountManager
from ..problems import Problem
from ..services import Parts, Services
from .forms import Sheet
from .names import is_name, is_user, tenant_for
from .rendering import page

router = APIRouter(prefix="/company/groups")

#: More are set by the API.
MOST_MEMBERS = 400
FIELDS = (("users", MemberKind.USER), ("queues", MemberKind.QUEUE), ("ring_groups", MemberKind.RING_GROUP))


@router.get("")
async def groups_page(request: Request, parts: Parts, me: AccountManager) -> Response:
    return await _list(request, parts, me)


@router.post("")
async def add_group(request: Request, parts: Parts, me: AccountManager) -> Response:
    sheet = await _sent(request)
    group = Group(parts.new_id(), tenant_for(me, sheet.one("tenant")), sheet.one("name"), _members(sheet))
    return await _saved(request, parts, me, group, sheet, "group made")


@router.get("/{tenant}/{group_id}")
async def group_page(
    request: Request, parts: Parts, me: AccountManager, tenant: str, group_id: str
) -> Response:
    found = await api.find(parts, me, tenant_for(me, tenant), group_id)
    values = {field: found.named(kind) for field, kind in FIELDS}
    return await _page(request, parts, me, found, Sheet.of({"name": found.name, **values}))


@router.post("/{tenant}/{group_id}")
async def save_group(
    request: Request, parts: Parts, me: AccountManager, tenant: str, group_id: str
) -> Response:
    found = await api.find(parts, me, tenant_for(me, tenant), group_id)
    sheet = await _sent(request)
    group = Group(found.group_id, found.tenant, sheet.one("name"), _members(sheet))
    return await _saved(request, parts, me, group, sheet, "group changed", found)


@router.post("/{tenant}/{group_id}/remove")
async def remove_group(
    request: Request, parts: Parts, me: AccountManager, tenant: str, group_id: str
) -> Response:
    await api.remove(request, parts, me, await api.find(parts, me, tenant_for(me, tenant), group_id))
    return RedirectResponse("/company/groups?saved=removed", 303)


async def _sent(request: Request) -> Sheet:
    """The areas hold one name a line, or with commas between."""
    sheet, form = await Sheet.sent(request), await request.form()
    for field, _ in FIELDS:
        texts = (plain(t) for t in re.split(r"[\r\n,]+", str(form.get(field, ""))[:20_000]))
        sheet.values[field] = list(dict.fromkeys(t for t in texts if t))
    return sheet


def _members(sheet: Sheet) -> tuple[tuple[MemberKind, str], ...]:
    """Users without blanks, queues and ring groups as the switch calls them."""
    found: list[tuple[MemberKind, str]] = []
    for field, kind in FIELDS:
        for text in sheet.many(field):
            if not (is_user(text) if kind is MemberKind.USER else is_name(text)):
                sheet.faults[field] = f"“{text[:40]}” is no name that a switch has."
            found.append((kind, text))
    if len(found) > MOST_MEMBERS:
        sheet.faults["users"] = f"At most {MOST_MEMBERS} here; the API takes more."
    return tuple(found)


async def _saved(
    request: Request, parts: Services, me: Account, group: Group, sheet: Sheet, action: str,
    found: Group | None = None,
) -> Response:  # fmt: skip
    if not is_name(group.name):
        sheet.faults["name"] = "A group has a name of up to 200 characters."
    if not sheet.faults:
        try:
            await api.save(request, parts, me, group, action)
        except Problem as problem:
            sheet.faults["name"] = problem.detail
    if sheet.faults and found is None:
        return await _list(request, parts, me, 422, sheet)
    if sheet.faults:
        return await _page(request, parts, me, found or group, sheet, 422)
    return RedirectResponse(f"/company/groups?saved={quote(group.group_id)}", 303)


async def _list(
    request: Request, parts: Services, me: Account, status: int = 200, sheet: Sheet | None = None
) -> Response:
    accounts = await parts.accounts.accounts(me.scope)
    supervisors: dict[str, list[str]] = {}
    for account in accounts:
        if account.role == "supervisor":
            for group_id in await parts.accounts.groups_of(account.account_id):
                supervisors.setdefault(group_id, []).append(account.login)
    return page(
        request, "groups.html", status, groups=await parts.accounts.groups(me.scope), by=supervisors,
        sheet=sheet or Sheet(), kinds=MemberKind, saved=bool(request.query_params.get("saved")) and not sheet,
        tenants=[t.tenant for t in await parts.settings.tenants(me.scope)],
        known=await _known(parts, me.tenant) if me.tenant else {},
    )  # fmt: skip


async def _page(
    request: Request, parts: Services, me: Account, group: Group, sheet: Sheet, status: int = 200
) -> Response:
    known = await _known(parts, group.tenant)
    return page(request, "group.html", status, group=group, sheet=sheet, known=known)


async def _known(parts: Services, tenant: str) -> dict[str, list[str]]:
    """Names to choose from: the tenant's users, and the queues and ring groups that have a rule."""
    rules = await parts.settings.rules(Scope(tenant))
    return {
        "users": [u.user for u in await parts.settings.users(Scope(tenant))][:300],
        "queues": [r.name for r in rules if r.scope is PolicyScope.QUEUE],
        "ring_groups": [r.name for r in rules if r.scope is PolicyScope.RING_GROUP],
    }
