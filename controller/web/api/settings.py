"""/api/v1: the system's, the tenants' and the users' settings.

PUT replaces: what is left out has its default. PATCH changes what is sent and nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from ...engine.reading import Account, SystemSettings, TenantSettings, UserSettings
from .. import changes
from ..access import Me, address_of, own_tenant
from ..option_faults import with_options
from ..permits import OptionsChanger, PolicyChanger, PolicyReader, SystemAdmin
from ..problems import not_found
from ..services import Parts
from .listing import Listed, closed, cut, not_a_key, opened
from .params import Before, Limit, plain
from .settings_bodies import TENANT, USER, SystemBody, TenantBody, UserBody
from .settings_views import SystemView, TenantView, UserView

router = APIRouter(tags=["settings"])


async def _own(me: Me, tenant: Annotated[str, Path(pattern=TENANT)]) -> str:
    return own_tenant(me, tenant)


#: The tenant of the path, if it is the administrator's; asked before the body is looked at.
OwnTenant = Annotated[str, Depends(_own)]
User = Annotated[str, Path(pattern=USER)]


class TenantPage(Listed[TenantView]):
    """By name."""


class UserPage(Listed[UserView]):
    """By tenant and user."""


@router.get("/settings/system", summary="The system's settings")
async def get_system(parts: Parts, me: SystemAdmin) -> SystemView:
    return SystemView.of(await parts.settings.system())


@router.put("/settings/system", summary="Replace the system's settings")
async def put_system(request: Request, parts: Parts, me: SystemAdmin, body: SystemBody) -> SystemView:
    wanted = replace(SystemSettings(), **body.given())
    await changes.set_system(parts, me, wanted, address_of(request))
    return SystemView.of(wanted)


@router.patch("/settings/system", summary="Change some of the system's settings")
async def patch_system(request: Request, parts: Parts, me: SystemAdmin, body: SystemBody) -> SystemView:
    wanted = replace(await parts.settings.system(), **body.given())
    await changes.set_system(parts, me, wanted, address_of(request))
    return SystemView.of(wanted)


@router.get("/tenants", summary="Tenants and their settings")
async def get_tenants(parts: Parts, me: PolicyReader, limit: Limit = 50, before: Before = None) -> TenantPage:
    page, more = cut(await parts.settings.tenants(me.scope), lambda t: (t.tenant,), limit, before)
    return TenantPage(items=[TenantView.of(t) for t in page], next=more)


@router.get("/tenants/{tenant}", summary="A tenant's settings")
async def get_tenant(parts: Parts, me: PolicyReader, tenant: OwnTenant) -> TenantView:
    found = await changes.tenant_settings(parts, tenant)
    if found is None and me.tenant is None:
        raise not_found("tenant")
    return TenantView.of(found or TenantSettings(tenant))


@router.put("/tenants/{tenant}", summary="Replace a tenant's settings, or make the tenant")
async def put_tenant(
    request: Request, parts: Parts, me: OptionsChanger, tenant: OwnTenant, body: TenantBody
) -> TenantView:
    return await _set_tenant(request, parts, me, TenantSettings(tenant), body)


@router.patch("/tenants/{tenant}", summary="Change some of a tenant's settings")
async def patch_tenant(
    request: Request, parts: Parts, me: OptionsChanger, tenant: OwnTenant, body: TenantBody
) -> TenantView:
    found = await changes.tenant_settings(parts, tenant)
    if found is None and me.tenant is None:
        raise not_found("tenant")
    return await _set_tenant(request, parts, me, found or TenantSettings(tenant), body)


async def _set_tenant(
    request: Request, parts: Parts, me: Account, base: TenantSettings, body: TenantBody
) -> TenantView:
    given = body.given()
    if "options" in given:
        given["options"] = with_options(base.options, body.options.given())
    wanted = replace(base, **given)
    await changes.set_tenant(parts, me, wanted, address_of(request))
    return TenantView.of(wanted)


@router.get("/users", summary="Users and their settings")
async def get_users(
    parts: Parts, me: PolicyReader,
    tenant: Annotated[str | None, Query(max_length=253, description="Only this tenant's.")] = None,
    text: Annotated[str, Query(max_length=200, description="A part of the user or the name.")] = "",
    limit: Limit = 50, before: Before = None,
) -> UserPage:  # fmt: skip
    after = None
    if before is not None:
        key = opened(before)
        if len(key) != 2:
            raise not_a_key()
        after = (key[0], key[1])
    found, more = await parts.settings.users_page(
        me.scope, text=plain(text), tenant=plain(tenant or "", 253), after=after, limit=limit
    )
    last = closed((found[-1].tenant, found[-1].user)) if more else None
    return UserPage(items=[UserView.of(u) for u in found], next=last)


@router.get("/tenants/{tenant}/users/{user}", summary="A user's settings")
async def get_user(parts: Parts, me: PolicyReader, tenant: OwnTenant, user: User) -> UserView:
    found = await changes.user_settings(parts, tenant, user)
    if found is None:
        raise not_found("user")
    return UserView.of(found)


@router.put("/tenants/{tenant}/users/{user}", summary="Replace a user's settings, or make the user")
async def put_user(
    request: Request, parts: Parts, me: PolicyChanger, tenant: OwnTenant, user: User, body: UserBody
) -> UserView:
    wanted = replace(UserSettings(tenant, user), **body.given())
    await changes.set_user(parts, me, wanted, address_of(request))
    return UserView.of(wanted)


@router.patch("/tenants/{tenant}/users/{user}", summary="Change some of a user's settings")
async def patch_user(
    request: Request, parts: Parts, me: PolicyChanger, tenant: OwnTenant, user: User, body: UserBody
) -> UserView:
    found = await changes.user_settings(parts, tenant, user)
    if found is None:
        raise not_found("user")
    wanted = replace(found, **body.given())
    await changes.set_user(parts, me, wanted, address_of(request))
    return UserView.of(wanted)
