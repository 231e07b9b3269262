"""What other controllers ask this one: `/peer/…`, signed, for nobody else. See cluster/door.py."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from ..engine.peer_signing import NotAPeer
from .problems import Problem, not_found
from .services import web_of

router = APIRouter(include_in_schema=False, prefix="/peer")


@router.post("/{question}")
async def asked(request: Request, question: str) -> Response:
    door, checker = web_of(request).services.door, web_of(request).peer_checker
    if door is None:
        raise not_found("page")
    path, body = f"/peer/{question}", await request.body()
    try:
        checker.check(request.headers, web_of(request).services.node + path, body)
    except NotAPeer as error:
        raise Problem(403, f"This is for controllers only: {error}.") from error
    if question == "live":
        return StreamingResponse(door.live(), media_type="application/x-ndjson")
    try:
        return Response(await door.answer(path, body), media_type="application/json")
    except KeyError as error:
        raise not_found("question") from error
    except ValueError as error:
        raise Problem(422, "Another version of Tapeline asks here what this one does not know.") from error
