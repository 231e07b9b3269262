"""/api/v1/groups: lists of users, queues and ring groups, which supervisors are answerable for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from ...engine.entry import Group, MemberKind
from ...engine.reading import Account
from ..access import address_of, known_id
from ..changes import note
from ..permits import AccountManager
from ..problems import Problem, not_found
from ..services import Parts, Services
from .listing import Listed, cut
from .params import Before, Limit
from .settings import OwnTenant
from .settings_bodies import NAME, USER

router = APIRouter(tags=["accounts"])

_Names = Annotated[list[Annotated[str, Field(pattern=NAME)]], Field(max_length=5000)]


class GroupBody(BaseModel):
    name: str = Field(pattern=NAME, examples=["Support, first line"])
    users: Annotated[list[Annotated[str, Field(pattern=USER)]], Field(max_length=5000)] = []
    queues: _Names = []
    ring_groups: _Names = []

    def members(self) -> tuple[tuple[MemberKind, str], ...]:
        of = (
            (MemberKind.USER, self.users),
            (MemberKind.QUEUE, self.queues),
            (MemberKind.RING_GROUP, self.ring_groups),
        )
        return tuple((kind, name) for kind, names in of for name in names)


class GroupView(BaseModel):
    group_id: str
    tenant: str
    name: str
    users: list[str]
    queues: list[str]
    ring_groups: list[str]

    @classmethod
    def of(cls, group: Group) -> GroupView:
        return cls(
            group_id=group.group_id, tenant=group.tenant, name=group.name,
            users=list(group.named(MemberKind.USER)), queues=list(group.named(MemberKind.QUEUE)),
            ring_groups=list(group.named(MemberKind.RING_GROUP)),
        )  # fmt: skip


class GroupPage(Listed[GroupView]):
    """By tenant and name."""


@router.get("/groups", summary="Groups for supervisors")
async def get_groups(parts: Parts, me: AccountManager, limit: Limit = 50, before: Before = None) -> GroupPage:
    found = await parts.accounts.groups(me.scope)
    page, more = cut(found, lambda g: (g.tenant, g.name, g.group_id), limit, before)
    return GroupPage(items=[GroupView.of(g) for g in page], next=more)


@router.get("/tenants/{tenant}/groups/{group_id}", summary="One group")
async def get_group(parts: Parts, me: AccountManager, tenant: OwnTenant, group_id: str) -> GroupView:
    return GroupView.of(await find(parts, me, tenant, group_id))


@router.post("/tenants/{tenant}/groups", status_code=201, summary="Make a group")
async def post_group(
    request: Request, parts: Parts, me: AccountManager, tenant: OwnTenant, body: GroupBody
) -> GroupView:
    group = Group(parts.new_id(), tenant, body.name, body.members())
    return GroupView.of(await save(request, parts, me, group, "group made"))


@router.put("/tenants/{tenant}/groups/{group_id}", summary="Replace a group")
async def put_group(
    request: Request, parts: Parts, me: AccountManager, tenant: OwnTenant, group_id: str, body: GroupBody
) -> GroupView:
    found = await find(parts, me, tenant, group_id)
    group = Group(found.group_id, tenant, body.name, body.members())
    return GroupView.of(await save(request, parts, me, group, "group changed"))


@router.delete("/tenants/{tenant}/groups/{group_id}", status_code=204, summary="Remove a group")
async def delete_group(
    request: Request, parts: Parts, me: AccountManager, tenant: OwnTenant, group_id: str
) -> None:
    await remove(request, parts, me, await find(parts, me, tenant, group_id))


async def find(parts: Services, me: Account, tenant: str, group_id: str) -> Group:
    """Raises 404 for one that is not the tenant's, or not the account's to see."""
    known_id(group_id, "group")
    found = await parts.accounts.groups(me.scope)
    group = next((g for g in found if (g.group_id, g.tenant) == (group_id, tenant)), None)
    if group is None:
        raise not_found("group")
    return group


async def save(request: Request, parts: Services, me: Account, group: Group, action: str) -> Group:
    """Raises 409 for a name that another group of the tenant has."""
    try:
        await parts.accounts.set_group(group)
    except ValueError as error:
        raise Problem(409, f"{str(error)[:1].upper()}{str(error)[1:]}.") from error
    words = [f"{kind.replace('_', ' ')} {name}" for kind, name in group.members]
    detail = ", ".join(words) or "nobody"
    await note(parts, me, action, f"group {group.name}", detail, address_of(request), group.tenant)
    found = await parts.accounts.groups(me.scope)
    return next(g for g in found if g.group_id == group.group_id)


async def remove(request: Request, parts: Services, me: Account, group: Group) -> None:
    await parts.accounts.remove_group(me.scope, group.group_id)
    await note(parts, me, "group removed", f"group {group.name}", "", address_of(request), group.tenant)
