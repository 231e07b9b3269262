"""/metrics, for Prometheus: with an API token of a system administrator."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response

from .access import gate
from .permits import SystemAdmin
from .problems import not_found
from .services import Parts

router = APIRouter(dependencies=[Depends(gate)], include_in_schema=False)

TYPE = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/metrics")
async def metrics(parts: Parts, me: SystemAdmin) -> Response:
    if parts.metrics is None:
        raise not_found("page")
    return Response(await parts.metrics(), media_type=TYPE)
