"""/api/v1/recordings/views and /columns: what an account keeps of the list of recordings."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from ...core.roles import Permission
from ...engine.listing import SavedView
from ..access import may
from ..permits import Seer
from ..problems import Fault, Problem
from ..services import Parts
from ..view_keeping import remove_view, save_view, store_of
from .listing import Listed, cut
from .params import Before, Limit
from .settings_bodies import Body

router = APIRouter(tags=["recordings"])


class ViewBody(Body):
    name: str = Field(min_length=1, max_length=60, examples=["Long calls of sales"])
    query: str = Field("", max_length=2000, description="As it stands in the list's address.")
    shared: bool = Field(False, description="Whether the tenant's others see it too.")


class ViewView(BaseModel):
    view_id: str
    name: str
    query: str
    shared: bool
    owner: str = Field(description="Whose it is, by login.")
    mine: bool

    @classmethod
    def of(cls, view: SavedView, account_id: str) -> ViewView:
        return cls(
            view_id=view.view_id, name=view.name, query=view.query, shared=view.shared, owner=view.owner,
            mine=view.account_id == account_id,
        )  # fmt: skip


class ViewPage(Listed[ViewView]):
    """By name: one's own, and those that others of the tenant share."""


class ColumnsBody(Body):
    columns: Annotated[list[str], Field(max_length=50)]


class ColumnsView(BaseModel):
    columns: list[str] = Field(description="Those that are shown, in their order.")
    offered: dict[str, str] = Field(description="All that can be shown, with their titles.")


@router.get("/recordings/views", summary="Saved views of the list of recordings")
async def get_views(parts: Parts, me: Seer, limit: Limit = 50, before: Before = None) -> ViewPage:
    found = await store_of(parts).saved_views(me)
    page, more = cut(found, lambda v: (v.name, v.view_id), limit, before)
    return ViewPage(items=[ViewView.of(v, me.account_id) for v in page], next=more)


@router.post("/recordings/views", status_code=201, summary="Save a view")
async def post_view(request: Request, parts: Parts, me: Seer, body: ViewBody) -> ViewView:
    """What the list does not know is left out of the query."""
    # Here, because the pages import the API's parts.
    from ..pages.list_filter import read

    spoken = may(request, Permission.LISTEN)
    wanted = read(dict(parse_qsl(body.query)), UTC, parts.now(), spoken=spoken)
    if wanted.faults:
        raise Problem(422, wanted.faults[0], errors=[Fault(where="body.query", problem=wanted.faults[0])])
    view_id = await save_view(request, parts, me, body.name, wanted.query(), shared=body.shared)
    found = next(v for v in await store_of(parts).saved_views(me) if v.view_id == view_id)
    return ViewView.of(found, me.account_id)


@router.delete("/recordings/views/{view_id}", status_code=204, summary="Remove one of one's own views")
async def delete_view(request: Request, parts: Parts, me: Seer, view_id: str) -> None:
    await remove_view(request, parts, me, view_id)


@router.get("/recordings/columns", summary="The columns of the list of recordings")
async def get_columns(parts: Parts, me: Seer) -> ColumnsView:
    from ..pages.recordings_list import COLUMNS, LIST, USUAL

    stored = await store_of(parts).list_columns(me.account_id, LIST)
    shown = USUAL if stored is None else stored
    return ColumnsView(columns=[c for c in COLUMNS if c in shown], offered=dict(COLUMNS))


@router.put("/recordings/columns", summary="Choose the columns of the list of recordings")
async def put_columns(parts: Parts, me: Seer, body: ColumnsBody) -> ColumnsView:
    from ..pages.recordings_list import COLUMNS, LIST

    if unknown := [c for c in body.columns if c not in COLUMNS]:
        fault = Fault(where="body.columns", problem=f"there is no {unknown[0][:40]!r}")
        raise Problem(422, "columns: of " + ", ".join(COLUMNS) + ".", errors=[fault])
    await store_of(parts).set_list_columns(me.account_id, LIST, [c for c in COLUMNS if c in body.columns])
    return await get_columns(parts, me)
