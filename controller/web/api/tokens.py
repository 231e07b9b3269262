"""/api/v1/tokens: an account's API tokens. Made and removed by a session only, so that a token
which has leaked cannot make itself a successor."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, BaseModel, Field

from ...engine.reading import Account, ApiToken
from ..access import address_of, known_id, token_digest
from ..changes import note
from ..permits import SessionMe, SignedIn
from ..problems import Problem, not_found
from ..services import Parts, Services

router = APIRouter(tags=["tokens"])


class TokenBody(BaseModel):
    label: str = Field(min_length=1, max_length=100, examples=["nightly export"])
    expires_at: AwareDatetime | None = None


class NewToken(BaseModel):
    """``token`` is shown this once; only its hash is kept."""

    token: str
    about: ApiToken


@router.get("/tokens", summary="One's own tokens")
async def get_tokens(parts: Parts, me: SignedIn) -> list[ApiToken]:
    return await parts.accounts.tokens(me.account_id)


@router.post("/tokens", status_code=201, summary="Make a token (session only)")
async def post_token(request: Request, parts: Parts, me: SessionMe, body: TokenBody) -> NewToken:
    return await make(request, parts, me, body)


@router.delete("/tokens/{token_id}", status_code=204, summary="Remove a token (session only)")
async def delete_token(request: Request, parts: Parts, me: SessionMe, token_id: str) -> None:
    await remove(request, parts, me, token_id)


async def make(request: Request, parts: Services, me: Account, body: TokenBody) -> NewToken:
    now = parts.now()
    if body.expires_at is not None and body.expires_at <= now:
        raise Problem(422, "expires_at has passed already.")
    text = f"tl_{secrets.token_urlsafe(32)}"
    token = ApiToken(parts.new_id(), me.account_id, body.label, now, body.expires_at, None)
    await parts.accounts.add_token(token, token_digest(text))
    await note(parts, me, "token made", token.token_id, body.label, address_of(request))
    return NewToken(token=text, about=token)


async def remove(request: Request, parts: Services, me: Account, token_id: str) -> None:
    """Raises 404 for one that is not the account's own."""
    if not await parts.accounts.remove_token(me.account_id, known_id(token_id, "token")):
        raise not_found("token")
    await note(parts, me, "token removed", token_id, "", address_of(request))
