"""/healthz and /readyz, for whatever watches the controller. Without credentials, so without detail."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from ..engine.reading import Role
from .access import identify
from .problems import Problem
from .services import Parts

router = APIRouter(tags=["status"])


@router.get("/healthz", summary="Whether the process answers")
async def healthz() -> dict[str, bool]:
    return {"ok": True}


@router.get("/readyz", summary="Whether everything it needs works; 503 if not")
async def readyz(request: Request, parts: Parts) -> Response:
    """The parts and their errors name hosts, so only the system administrator gets those."""
    health = await parts.health()
    body: dict[str, Any] = {"ok": health.ok}
    try:
        me = await identify(request)
    except Problem:
        me = None
    if me is not None and me.role is Role.SYSTEM:
        body["parts"] = health.parts
    return JSONResponse(body, 200 if health.ok else 503)
