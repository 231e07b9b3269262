"""/api/v1/rules: what is recorded of calls that come through a queue, a group, a trunk and so on."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from ...core.rules import PolicyRule, PolicyScope
from ...engine.reading import Account
from .. import changes
from ..access import address_of
from ..permits import PolicyChanger, PolicyReader, SystemAdmin
from ..problems import not_found
from ..services import Parts, Services
from .listing import Listed, cut
from .params import Before, Limit
from .settings import OwnTenant
from .settings_bodies import NAME, RouteRuleBody
from .settings_views import RuleView

router = APIRouter(tags=["rules"])


class RouteScope(StrEnum):
    """core.rules.ROUTE_SCOPES, for the reference and for the check of a path."""

    TRUNK = PolicyScope.TRUNK
    INBOUND_RULE = PolicyScope.INBOUND_RULE
    OUTBOUND_RULE = PolicyScope.OUTBOUND_RULE
    QUEUE = PolicyScope.QUEUE
    RING_GROUP = PolicyScope.RING_GROUP
    RECEPTIONIST = PolicyScope.RECEPTIONIST


Name = Annotated[str, Path(pattern=NAME, description="As the switch calls it; it may hold slashes.")]
Of = Annotated[RouteScope, Path(description="What the rule is about.")]


class RulePage(Listed[RuleView]):
    """By tenant, kind and name."""


@router.get("/rules", summary="Rules of trunks, queues, ring groups and so on")
async def get_rules(
    parts: Parts, me: PolicyReader,
    tenant: Annotated[str | None, Query(max_length=253, description="Only this tenant's.")] = None,
    scope: Annotated[RouteScope | None, Query(description="Only of this kind.")] = None,
    limit: Limit = 50, before: Before = None,
) -> RulePage:  # fmt: skip
    """The system's own trunks are shown to the system administrator only."""
    found = [
        r
        for r in await parts.settings.rules(me.scope)
        if tenant in (None, r.tenant) and (scope is None or r.scope == scope.value)
    ]
    page, more = cut(found, lambda r: (r.tenant or "", str(r.scope), r.name), limit, before)
    return RulePage(items=[RuleView.of(r) for r in page], next=more)


@router.get("/tenants/{tenant}/rules/{scope}/{name:path}", summary="One rule of a tenant")
async def get_rule(parts: Parts, me: PolicyReader, tenant: OwnTenant, scope: Of, name: Name) -> RuleView:
    return await _get(parts, PolicyScope(scope), tenant, name)


@router.put("/tenants/{tenant}/rules/{scope}/{name:path}", summary="Make or replace a rule of a tenant")
async def put_rule(
    request: Request, parts: Parts, me: PolicyChanger, tenant: OwnTenant, scope: Of, name: Name,
    body: RouteRuleBody,
) -> RuleView:  # fmt: skip
    return await _put(request, parts, me, PolicyRule(PolicyScope(scope), tenant, name), body)


@router.delete(
    "/tenants/{tenant}/rules/{scope}/{name:path}", status_code=204, summary="Remove a rule of a tenant"
)
async def delete_rule(
    request: Request, parts: Parts, me: PolicyChanger, tenant: OwnTenant, scope: Of, name: Name
) -> None:
    await _delete(request, parts, me, PolicyScope(scope), tenant, name)


@router.get("/settings/system/trunks/{name:path}", summary="The rule of a trunk of the system")
async def get_trunk(parts: Parts, me: SystemAdmin, name: Name) -> RuleView:
    return await _get(parts, PolicyScope.TRUNK, None, name)


@router.put(
    "/settings/system/trunks/{name:path}", summary="Make or replace the rule of a trunk of the system"
)
async def put_trunk(
    request: Request, parts: Parts, me: SystemAdmin, name: Name, body: RouteRuleBody
) -> RuleView:
    return await _put(request, parts, me, PolicyRule(PolicyScope.TRUNK, None, name), body)


@router.delete(
    "/settings/system/trunks/{name:path}", status_code=204, summary="Remove the rule of a trunk of the system"
)
async def delete_trunk(request: Request, parts: Parts, me: SystemAdmin, name: Name) -> None:
    await _delete(request, parts, me, PolicyScope.TRUNK, None, name)


async def _get(parts: Services, scope: PolicyScope, tenant: str | None, name: str) -> RuleView:
    found = await changes.route_rule(parts, scope, tenant, name)
    if found is None:
        raise not_found("rule")
    return RuleView.of(found)


async def _put(
    request: Request, parts: Services, me: Account, rule: PolicyRule, body: RouteRuleBody
) -> RuleView:
    wanted = replace(rule, **body.given())
    await changes.set_rule(parts, me, wanted, address_of(request))
    return RuleView.of(wanted)


async def _delete(
    request: Request, parts: Services, me: Account, scope: PolicyScope, tenant: str | None, name: str
) -> None:
    if not await changes.remove_rule(parts, me, scope, tenant, name, address_of(request)):
        raise not_found("rule")
