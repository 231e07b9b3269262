"""/api/v1: the switches and the audit."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from ...engine.ports import SwitchStatus
from ...engine.reading import Account, Role
from ..permits import Auditor, SignedIn
from ..services import Parts
from .views import AuditView, SwitchView

router = APIRouter(tags=["settings"])


@router.get("/audit", summary="Who has listened, downloaded and changed what, newest first")
async def get_audit(
    parts: Parts, me: Auditor, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[AuditView]:
    entries = await parts.accounts.audit_entries(me.scope, limit)
    return [AuditView.model_validate(e, from_attributes=True) for e in entries]


@router.get("/switches", summary="The switches and how they are")
async def get_switches(parts: Parts, me: SignedIn) -> list[SwitchView]:
    return [switch_view(s, me) for s in parts.control.switches()]


def switch_view(status: SwitchStatus, me: Account) -> SwitchView:
    return SwitchView(
        name=status.name, kind=status.kind, state=status.state, since=status.since, version=status.version,
        error=status.error if me.role is Role.SYSTEM else "",
    )  # fmt: skip
