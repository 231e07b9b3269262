"""/api/v1: the system's, the tenants' and the users' settings, the switches and the audit."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from ...engine.ports import SwitchStatus
from ...engine.reading import Account, Role, SystemSettings, TenantSettings, UserSettings
from .. import changes
from ..access import Admin, Me, SystemAdmin, address_of, own_tenant
from ..services import Parts
from .views import AuditView, SwitchView

router = APIRouter(tags=["settings"])

#: A tenant is a domain or a context, a user what the switch calls it: printable and not long.
TENANT = r"^[^\x00-\x20\x7f/@]{1,253}$"
USER = r"^[^\x00-\x20\x7f/@]{1,128}$"


class SystemBody(BaseModel):
    record_external: bool = Field(description="Record the call between external numbers.")


class TenantBody(BaseModel):
    record_audio: bool = Field(description="Enable extension audio recording.")
    record_video: bool = Field(description="Enable extension video recording.")


class UserBody(BaseModel):
    name: str | None = Field(None, max_length=200, description="What to show; null keeps it as it is.")
    record_audio: bool = Field(description="Record Audio Calls.")
    record_video: bool = Field(description="Record Video Calls.")


@router.get("/settings/system", summary="The system's settings")
async def get_system(parts: Parts, me: SystemAdmin) -> SystemSettings:
    return await parts.settings.system()


@router.put("/settings/system", summary="Change the system's settings")
async def put_system(request: Request, parts: Parts, me: SystemAdmin, body: SystemBody) -> SystemSettings:
    wanted = SystemSettings(body.record_external)
    await changes.set_system(parts, me, wanted, address_of(request))
    return wanted


@router.get("/tenants", summary="Tenants and their settings")
async def get_tenants(parts: Parts, me: Admin) -> list[TenantSettings]:
    return await parts.settings.tenants(me.scope)


@router.put("/tenants/{tenant}", summary="Change a tenant's settings, or make the tenant")
async def put_tenant(
    request: Request, parts: Parts, me: Admin, tenant: Annotated[str, Path(pattern=TENANT)], body: TenantBody
) -> TenantSettings:
    wanted = TenantSettings(own_tenant(me, tenant), body.record_audio, body.record_video)
    await changes.set_tenant(parts, me, wanted, address_of(request))
    return wanted


@router.get("/users", summary="Users and their settings")
async def get_users(
    parts: Parts, me: Admin, tenant: Annotated[str | None, Query(max_length=253)] = None
) -> list[UserSettings]:
    return [u for u in await parts.settings.users(me.scope) if tenant in (None, u.tenant)]


@router.put("/tenants/{tenant}/users/{user}", summary="Change a user's settings, or make the user")
async def put_user(
    request: Request, parts: Parts, me: Admin,
    tenant: Annotated[str, Path(pattern=TENANT)],
    user: Annotated[str, Path(pattern=USER)],
    body: UserBody,
) -> UserSettings:  # fmt: skip
    own_tenant(me, tenant)
    name = body.name
    if name is None:
        users = await parts.settings.users(me.scope)
        name = next((u.name for u in users if (u.tenant, u.user) == (tenant, user)), "")
    wanted = UserSettings(tenant, user, name, body.record_audio, body.record_video)
    await changes.set_user(parts, me, wanted, address_of(request))
    return wanted


@router.get("/audit", summary="Who has listened, downloaded and changed what, newest first")
async def get_audit(
    parts: Parts, me: Admin, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[AuditView]:
    entries = await parts.accounts.audit_entries(me.scope, limit)
    return [AuditView.model_validate(e, from_attributes=True) for e in entries]


@router.get("/switches", summary="The switches and how they are")
async def get_switches(parts: Parts, me: Me) -> list[SwitchView]:
    return [switch_view(s, me) for s in parts.control.switches()]


def switch_view(status: SwitchStatus, me: Account) -> SwitchView:
    return SwitchView(
        name=status.name, kind=status.kind, state=status.state, since=status.since, version=status.version,
        error=status.error if me.role is Role.SYSTEM else "",
    )  # fmt: skip
