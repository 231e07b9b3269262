"""/api/v1: the switches."""

from __future__ import annotations

from fastapi import APIRouter

from ...engine.ports import SwitchStatus
from ...engine.reading import Account, Role
from ..permits import SignedIn
from ..services import Parts
from .listing import Listed, cut
from .params import Before, Limit
from .views import SwitchView

router = APIRouter(tags=["status"])


class SwitchPage(Listed[SwitchView]):
    """By name."""


@router.get("/switches", summary="The switches and how they are")
async def get_switches(parts: Parts, me: SignedIn, limit: Limit = 50, before: Before = None) -> SwitchPage:
    page, more = cut(parts.control.switches(), lambda s: (s.name,), limit, before)
    return SwitchPage(items=[switch_view(s, me) for s in page], next=more)


def switch_view(status: SwitchStatus, me: Account) -> SwitchView:
    return SwitchView(
        name=status.name, kind=status.kind, state=status.state, since=status.since, version=status.version,
        error=status.error if me.role is Role.SYSTEM else "",
        holder=status.holder if me.role is Role.SYSTEM else "",
    )  # fmt: skip
