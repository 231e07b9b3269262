"""/api/v1: the switches."""

from __future__ import annotations

from fastapi import APIRouter

from ...engine.ports import SwitchStatus
from ...engine.reading import Account, Role
from ..permits import SignedIn
from ..services import Parts
from .views import SwitchView

router = APIRouter(tags=["settings"])


@router.get("/switches", summary="The switches and how they are")
async def get_switches(parts: Parts, me: SignedIn) -> list[SwitchView]:
    return [switch_view(s, me) for s in parts.control.switches()]


def switch_view(status: SwitchStatus, me: Account) -> SwitchView:
    return SwitchView(
        name=status.name, kind=status.kind, state=status.state, since=status.since, version=status.version,
        error=status.error if me.role is Role.SYSTEM else "",
    )  # fmt: skip
