"""What the frame of every page shows and has to be asked for: alarms, and the tenants to choose from."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from ...core.roles import Role
from ..access import LOOKING_AT, Me, may
from ..permits import SystemAdmin
from ..services import Parts, web_of
from .sign_in import own_path

router = APIRouter()

#: So many are listed to choose from; of more, one types the name.
LISTED = 200


async def frame(request: Request, me: Me) -> None:
    """A dependency of all pages: puts what the frame shows into the request's state."""
    web = web_of(request)
    request.state.alarms = await web.alarms.of(me, lambda permission: may(request, permission))
    if me.role is Role.SYSTEM:
        request.state.tenants = await web.tenant_names.all()


@router.post("/tenant")
async def look_at(
    request: Request, parts: Parts, me: SystemAdmin,
    tenant: Annotated[str, Form(max_length=253)] = "",
    back: Annotated[str, Form(max_length=300)] = "/",
) -> Response:  # fmt: skip
    """See one tenant only, on every page, until another choice; "" is all of them."""
    web = web_of(request)
    wanted = tenant.strip()
    known = wanted in await web.tenant_names.all(anew=True)
    answer = RedirectResponse(own_path(back), 303)
    if known:
        answer.set_cookie(
            LOOKING_AT, wanted, path="/", httponly=True, samesite="lax", secure=parts.secure_cookies
        )
    else:
        answer.delete_cookie(LOOKING_AT, path="/")
    return answer
