"""/healthz and /readyz, for whatever watches the controller. Without credentials, so without detail."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from ..engine.bounded import within
from ..engine.reading import Account, Role
from .access import identify
from .problems import NotSignedIn
from .services import Parts

log = structlog.get_logger(__name__)

router = APIRouter(tags=["status"])

#: So long it may take to find out who asks.
KNOWN_S = 2.0


@router.get("/healthz", summary="Whether the process answers")
async def healthz() -> dict[str, bool]:
    return {"ok": True}


@router.get("/readyz", summary="Whether everything it needs works; 503 if not")
async def readyz(request: Request, parts: Parts) -> Response:
    """The parts and their errors name hosts, so only the system administrator gets those."""
    health = await parts.health()
    body: dict[str, Any] = {"ok": health.ok}
    me = await _asker(request)
    if me is not None and me.role is Role.SYSTEM:
        body["parts"] = health.parts
    return JSONResponse(body, 200 if health.ok else 503)


async def _asker(request: Request) -> Account | None:
    """Who asks, if the database says so in time: one that is away may not keep this answer back."""
    try:
        return await within(KNOWN_S, identify(request))
    except NotSignedIn:
        return None
    except Exception as error:
        # The answer stays the one that everybody gets; why somebody who should have had more did not is ours.
        log.warning("readyz.asker_unknown", error=str(error)[:300] or type(error).__name__)
        return None
