"""/api/v1/…/preview: what a change of settings would do to a week's calls, before it is made."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ...core.media_kinds import Kind
from ...core.rules import PolicyRule, PolicyScope
from ...engine.forecasting import Forecast
from ...engine.reading import SystemSettings, TenantSettings, UserSettings
from .. import changes
from ..forecasts import forecast_of
from ..option_faults import with_options
from ..permits import PolicyReader, SystemAdmin
from ..services import Parts
from .rules import Name, Of
from .settings import OwnTenant, User
from .settings_bodies import RouteRuleBody, SystemBody, TenantBody, UserBody

router = APIRouter(tags=["settings"])

_DOC = "As PATCH, but nothing is changed: the last week's calls are decided anew, as they would be then."


class CountView(BaseModel):
    kind: Kind
    before: int = Field(description="Calls that are recorded as it is.")
    after: int = Field(description="Calls that would be.")
    more: int = Field(description="Recorded then and not now.")
    fewer: int = Field(description="Recorded now and not then.")


class TouchedUser(BaseModel):
    tenant: str
    user: str
    calls: int = Field(description="In so many of their calls something changes.")


class ForecastView(BaseModel):
    calls: int = Field(description="So many calls were looked at.")
    days: float = Field(description="They span so many days.")
    whole: bool = Field(description="Whether those were all; otherwise the newest of them.")
    counts: list[CountView]
    users: list[TouchedUser] = Field(description="Whom it touches, the most calls first; 100 at most.")

    @classmethod
    def of(cls, found: Forecast) -> ForecastView:
        return cls(
            calls=found.calls, days=round(found.days, 3), whole=found.whole,
            counts=[CountView.model_validate(c, from_attributes=True) for c in found.counts],
            users=[TouchedUser(tenant=t, user=u, calls=n) for t, u, n in found.users[:100]],
        )  # fmt: skip


@router.post("/settings/system/preview", summary="What a change of the system's settings would do",
             description=_DOC)  # fmt: skip
async def preview_system(parts: Parts, me: SystemAdmin, body: SystemBody) -> ForecastView:
    wanted: SystemSettings = replace(await parts.settings.system(), **body.given())
    external = wanted.record_external
    return ForecastView.of(await forecast_of(parts, None, [wanted.rule], record_external=external))


@router.post("/tenants/{tenant}/preview", summary="What a change of a tenant's settings would do",
             description=_DOC)  # fmt: skip
async def preview_tenant(parts: Parts, me: PolicyReader, tenant: OwnTenant, body: TenantBody) -> ForecastView:
    base = await changes.tenant_settings(parts, tenant) or TenantSettings(tenant)
    given = body.given()
    if "options" in given:
        given["options"] = with_options(base.options, body.options.given())
    wanted = replace(base, **given)
    options = {tenant: wanted.options}
    return ForecastView.of(await forecast_of(parts, tenant, [wanted.rule], options=options))


@router.post("/tenants/{tenant}/users/{user}/preview", summary="What a change of a user's settings would do",
             description=_DOC)  # fmt: skip
async def preview_user(
    parts: Parts, me: PolicyReader, tenant: OwnTenant, user: User, body: UserBody
) -> ForecastView:
    base = await changes.user_settings(parts, tenant, user) or UserSettings(tenant, user)
    wanted = replace(base, **body.given())
    return ForecastView.of(await forecast_of(parts, tenant, [wanted.rule]))


@router.post("/tenants/{tenant}/rules/{scope}/{name:path}/preview", summary="What a rule would do",
             description=_DOC)  # fmt: skip
async def preview_rule(
    parts: Parts, me: PolicyReader, tenant: OwnTenant, scope: Of, name: Name, body: RouteRuleBody
) -> ForecastView:
    base = await changes.route_rule(parts, PolicyScope(scope), tenant, name)
    wanted = replace(base or PolicyRule(PolicyScope(scope), tenant, name), **body.given())
    return ForecastView.of(await forecast_of(parts, tenant, [wanted]))
