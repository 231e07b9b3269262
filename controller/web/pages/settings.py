"""Call Manager › Users, Company › General › Options, Company › Audit, Advanced › Settings › General."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from ...engine.reading import Role, SystemSettings, TenantSettings, UserSettings
from .. import changes
from ..access import Admin, SystemAdmin, address_of, own_tenant
from ..api.params import plain
from ..api.settings import TENANT, USER
from ..problems import Problem, for_scripts
from ..services import Parts
from .rendering import page

router = APIRouter()

#: A check box sends "on" or nothing.
Box = Annotated[str | None, Form()]
Text = Annotated[str, Form(max_length=300)]


@router.get("/users")
async def users_page(
    request: Request, parts: Parts, me: Admin,
    q: Annotated[str, Query(max_length=200)] = "",
    tenant: Annotated[str, Query(max_length=253)] = "",
) -> Response:  # fmt: skip
    users = await parts.settings.users(me.scope)
    tenants = await parts.settings.tenants(me.scope)
    wanted = plain(q).casefold()
    shown = [
        u for u in users
        if (not tenant or u.tenant == tenant) and (wanted in u.user.casefold() or wanted in u.name.casefold())
    ]  # fmt: skip
    forced = {t.tenant: t for t in tenants}
    return page(
        request, "users.html", users=shown, total=len(users), tenants=tenants, forced=forced,
        q=plain(q), tenant=tenant,
    )  # fmt: skip


@router.post("/users")
async def save_user(
    request: Request, parts: Parts, me: Admin, user: Text, tenant: Text = "", name: Text = "",
    record_audio: Box = None, record_video: Box = None,
) -> Response:  # fmt: skip
    tenant = _tenant(me, tenant)
    if not re.fullmatch(USER, user.strip()):
        raise Problem(422, "An extension has no blanks, slashes or @, and 128 characters at the most.")
    wanted = UserSettings(tenant, user.strip(), plain(name), bool(record_audio), bool(record_video))
    await changes.set_user(parts, me, wanted, address_of(request))
    return _saved(request, "/users")


@router.get("/company/options")
async def options_page(request: Request, parts: Parts, me: Admin) -> Response:
    tenants = await parts.settings.tenants(me.scope)
    if me.role is Role.TENANT and not tenants:
        assert me.tenant is not None
        tenants = [TenantSettings(me.tenant, False, False)]
    return page(request, "options.html", tenants=tenants)


@router.post("/company/options")
async def save_options(
    request: Request, parts: Parts, me: Admin, tenant: Text = "", record_audio: Box = None,
    record_video: Box = None,
) -> Response:  # fmt: skip
    wanted = TenantSettings(_tenant(me, tenant), bool(record_audio), bool(record_video))
    await changes.set_tenant(parts, me, wanted, address_of(request))
    return _saved(request, "/company/options")


@router.get("/advanced/general")
async def general_page(request: Request, parts: Parts, me: SystemAdmin) -> Response:
    return page(request, "general.html", settings=await parts.settings.system())


@router.post("/advanced/general")
async def save_general(
    request: Request, parts: Parts, me: SystemAdmin, record_external: Box = None
) -> Response:
    await changes.set_system(parts, me, SystemSettings(bool(record_external)), address_of(request))
    return _saved(request, "/advanced/general")


@router.get("/audit")
async def audit_page(request: Request, parts: Parts, me: Admin) -> Response:
    return page(request, "audit.html", entries=await parts.accounts.audit_entries(me.scope, 200))


def _tenant(me: Admin, tenant: str) -> str:
    tenant = tenant.strip() or (me.tenant or "")
    if not re.fullmatch(TENANT, tenant):
        raise Problem(422, "A tenant has a name without blanks, slashes or @.")
    return own_tenant(me, tenant)


def _saved(request: Request, url: str) -> Response:
    return (
        JSONResponse({"ok": True, "text": "Saved."}) if for_scripts(request) else RedirectResponse(url, 303)
    )
