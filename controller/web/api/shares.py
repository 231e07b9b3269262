"""/api/v1/shares: links to recordings."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ...engine.reading import Account
from ...engine.sharing import Audience, Share
from .. import sharing
from ..access import known_id
from ..permits import ShareManager, Sharer
from ..problems import not_found
from ..services import Parts, Services
from .listing import Listed, closed, moment, not_a_key, opened
from .params import Before, Limit
from .recordings import find

router = APIRouter(tags=["shares"])


class ShareBody(BaseModel):
    model_config = ConfigDict(extra="forbid")
    recordings: list[str] = Field(min_length=1, max_length=sharing.MOST_RECORDINGS, description="Their ids.")
    label: str = Field("", max_length=200, description="What it is for; shown to whoever follows it.")
    expires_at: AwareDatetime = Field(description="Within a year.")
    audience: Audience = Field(Audience.SIGNED_IN, description="For whom.")
    download: bool = Field(False, description="Whether it may be downloaded too.")
    names: bool = Field(False, description="Whether the parties are named.")
    most_uses: int | None = Field(None, ge=1, le=100_000, description="How often it may be opened.")
    password: str = Field(
        "", max_length=256, description="Asked for when it is opened; at least 8 characters."
    )


class ShareView(BaseModel):
    share_id: str
    tenant: str
    made_by: str
    label: str
    created_at: datetime
    expires_at: datetime
    audience: Audience
    download: bool
    names: bool
    password: bool
    most_uses: int | None
    uses: int = Field(description="How often it was opened.")
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str
    recordings: list[str]

    @classmethod
    def of(cls, share: Share) -> ShareView:
        same = {n: getattr(share, n) for n in cls.model_fields if n not in ("password", "recordings")}
        return cls(**same, password=bool(share.password_hash), recordings=list(share.recordings))


class NewShare(BaseModel):
    """``url`` is shown this once; only a hash of its secret part is kept."""

    url: str
    about: ShareView


class SharePage(Listed[ShareView]):
    """The newest first."""


@router.get("/shares", summary="Links that one has made")
async def get_shares(parts: Parts, me: Sharer, limit: Limit = 50, before: Before = None) -> SharePage:
    return await _page(parts, me, me.account_id, limit, before)


@router.get("/shares/all", summary="Everybody's links")
async def get_all_shares(
    parts: Parts, me: ShareManager, limit: Limit = 50, before: Before = None
) -> SharePage:
    return await _page(parts, me, None, limit, before)


@router.get("/shares/{share_id}", summary="One of the links that one has made")
async def get_share(parts: Parts, me: Sharer, share_id: str) -> ShareView:
    return await _one(parts, me, me.account_id, share_id)


@router.get("/shares/all/{share_id}", summary="Anybody's link")
async def get_any_share(parts: Parts, me: ShareManager, share_id: str) -> ShareView:
    return await _one(parts, me, None, share_id)


@router.post("/shares", status_code=201, summary="Make a link to recordings")
async def post_share(request: Request, parts: Parts, me: Sharer, body: ShareBody) -> NewShare:
    found = [await find(parts, me, recording_id) for recording_id in dict.fromkeys(body.recordings)]
    share, url = await sharing.make(
        request, parts, me, found, label=body.label, expires_at=body.expires_at, audience=body.audience,
        download=body.download, names=body.names, most_uses=body.most_uses, password=body.password,
    )  # fmt: skip
    return NewShare(url=url, about=ShareView.of(share))


@router.delete("/shares/{share_id}", status_code=204, summary="Revoke a link that one has made")
async def delete_share(request: Request, parts: Parts, me: Sharer, share_id: str) -> None:
    await sharing.revoke(request, parts, me, share_id, own=True)


@router.delete("/shares/all/{share_id}", status_code=204, summary="Revoke anybody's link")
async def delete_any_share(request: Request, parts: Parts, me: ShareManager, share_id: str) -> None:
    await sharing.revoke(request, parts, me, share_id, own=False)


async def _one(parts: Services, me: Account, whose: str | None, share_id: str) -> ShareView:
    known = known_id(share_id, "share link")
    found = await sharing.store(parts).shares(me.scope, whose, 1, share_id=known)
    if not found:
        raise not_found("share link")
    return ShareView.of(found[0])


async def _page(parts: Services, me: Account, whose: str | None, limit: int, before: str | None) -> SharePage:
    last = None
    if before is not None:
        key = opened(before)
        try:
            last = (datetime.fromisoformat(f"{key[0]}+00:00"), key[1])
        except (ValueError, IndexError) as error:
            raise not_a_key() from error
    found = await sharing.store(parts).shares(me.scope, whose, limit + 1, before=last)
    page = found[:limit]
    more = closed((moment(page[-1].created_at), page[-1].share_id)) if len(found) > limit else None
    return SharePage(items=[ShareView.of(s) for s in page], next=more)
