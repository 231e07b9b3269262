"""The REST API, version 1. Everything below /api/v1 goes through the gate."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request

from ..access import gate
from ..permits import SignedIn
from . import (
    accounts,
    alarms,
    audit,
    bulk,
    calls,
    disk,
    explain,
    factors,
    groups,
    jobs,
    lists,
    live,
    nodes,
    notes,
    operation,
    previews,
    proof,
    recordings,
    redactions,
    reports,
    retention,
    rules,
    settings,
    shares,
    tokens,
    transcripts,
    waveforms,
    webhooks,
)

router = APIRouter(prefix="/api/v1", dependencies=[Depends(gate)])
for part in (
    # Before recordings, whose ids would match their names.
    lists,
    bulk,
    recordings,
    redactions,
    reports,
    disk,
    notes,
    retention,
    waveforms,
    transcripts,
    proof,
    calls,
    live,
    jobs,
    settings,
    previews,
    rules,
    explain,
    operation,
    nodes,
    alarms,
    audit,
    accounts,
    factors,
    groups,
    shares,
    tokens,
    webhooks,
):
    router.include_router(part.router)


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request, me: SignedIn) -> dict[str, Any]:
    """The description of all of it. Pages read it at /api-docs."""
    app = request.app
    assert isinstance(app, FastAPI)
    return app.openapi()
