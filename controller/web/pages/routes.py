"""All page routes: those open to everybody, and those behind the gate."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import RedirectResponse

from ..access import gate
from ..permits import SignedIn
from . import (
    account,
    accounts,
    annotating,
    audit,
    batches,
    calls,
    disk,
    explain,
    first_run,
    framing,
    groups,
    jobs,
    live,
    options,
    recordings,
    recordings_act,
    recordings_list,
    redacting,
    reference,
    reports,
    retention,
    rules,
    runbook,
    service_lists,
    settings,
    shared,
    shares,
    sign_in,
    sign_in_code,
    sign_in_provider,
    users,
    webhooks,
)

open_router = APIRouter(include_in_schema=False)
open_router.include_router(sign_in.open_router)
open_router.include_router(first_run.open_router)
open_router.include_router(sign_in_code.open_router)
open_router.include_router(shared.open_router)
open_router.include_router(sign_in_provider.open_router)

router = APIRouter(include_in_schema=False, dependencies=[Depends(gate), Depends(framing.frame)])
for part in (
    sign_in,
    recordings_list,
    recordings_act,
    recordings,
    redacting,
    batches,
    reports,
    calls,
    live,
    jobs,
    disk,
    users,
    rules,
    retention,
    annotating,
    explain,
    options,
    settings,
    account,
    accounts,
    audit,
    groups,
    shares,
    webhooks,
    reference,
    runbook,
    framing,
    service_lists,
    first_run,
):
    router.include_router(part.router)


@router.get("/")
async def home(me: SignedIn) -> RedirectResponse:
    return RedirectResponse("/recordings", 303)
