"""/api/v1/tokens: an account's API tokens. Made and removed by a session only, so that a token
which has leaked cannot make itself a successor."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, BaseModel, Field

from ...core.roles import GRANTS, Permission
from ...engine.reading import Account, ApiToken
from .. import account_changes
from ..access import address_of, token_digest
from ..changes import note
from ..permits import SessionMe, SignedIn
from ..problems import Problem
from ..services import Parts, Services
from .listing import Listed, cut, moment
from .params import Before, Limit

router = APIRouter(tags=["tokens"])


class TokenBody(BaseModel):
    label: str = Field(min_length=1, max_length=100, examples=["nightly export"])
    expires_at: AwareDatetime | None = None
    scopes: list[Permission] | None = Field(
        None,
        description="The permissions that it may use of the account's (docs/reference/access.md); null: all.",
        examples=[["see_calls", "download"]],
    )


class TokenPage(Listed[ApiToken]):
    """The newest first."""


class NewToken(BaseModel):
    """``token`` is shown this once; only its hash is kept."""

    token: str
    about: ApiToken


@router.get("/tokens", summary="One's own tokens")
async def get_tokens(parts: Parts, me: SignedIn, limit: Limit = 50, before: Before = None) -> TokenPage:
    return token_page(await parts.accounts.tokens(me.account_id), limit, before)


def token_page(tokens: list[ApiToken], limit: int, before: str | None) -> TokenPage:
    page, more = cut(tokens, lambda t: (moment(t.created_at), t.token_id), limit, before, backwards=True)
    return TokenPage(items=page, next=more)


@router.post("/tokens", status_code=201, summary="Make a token (session only)")
async def post_token(request: Request, parts: Parts, me: SessionMe, body: TokenBody) -> NewToken:
    return await make(request, parts, me, body)


@router.delete("/tokens/{token_id}", status_code=204, summary="Remove a token (session only)")
async def delete_token(request: Request, parts: Parts, me: SessionMe, token_id: str) -> None:
    await account_changes.remove_token(request, parts, me, me, token_id)


async def make(request: Request, parts: Services, me: Account, body: TokenBody) -> NewToken:
    now = parts.now()
    if body.expires_at is not None and body.expires_at <= now:
        raise Problem(422, "expires_at has passed already.")
    beyond = [p for p in body.scopes or () if p not in GRANTS[me.role]]
    if beyond:
        raise Problem(422, f"The account itself does not have {', '.join(beyond)}.")
    text = f"tl_{secrets.token_urlsafe(32)}"
    scopes = None if body.scopes is None else tuple(p for p in Permission if p in body.scopes)
    token = ApiToken(parts.new_id(), me.account_id, body.label, now, body.expires_at, None, scopes)
    await parts.accounts.add_token(token, token_digest(text))
    said = "everything" if scopes is None else ", ".join(scopes) or "nothing"
    until = f"until {body.expires_at:%Y-%m-%d}" if body.expires_at else "without an end"
    detail = f"{body.label}: {said}, {until}"
    await note(parts, me, "token made", token.token_id, detail, address_of(request))
    return NewToken(token=text, about=token)
