"""Saving and removing views of the list, shared by the API and the pages. What others see is in the audit."""

from __future__ import annotations

from fastapi import Request

from ..engine.listing import ListStore
from ..engine.reading import Account
from .access import address_of, known_id
from .changes import note
from .problems import Problem, not_found
from .services import Services


async def save_view(
    request: Request, parts: Services, me: Account, name: str, query: str, *, shared: bool
) -> str:
    """Its id. Raises InvalidPolicy for a name that is none."""
    view_id = parts.new_id()
    await store_of(parts).save_view(me, view_id, name, query, shared=shared)
    if shared:
        await note(parts, me, "view shared", f"view {name}", query, address_of(request))
    return view_id


async def remove_view(request: Request, parts: Services, me: Account, view_id: str) -> None:
    """One's own only. Raises 404."""
    known = known_id(view_id, "view")
    found = next((v for v in await store_of(parts).saved_views(me) if v.view_id == known), None)
    if not await store_of(parts).remove_view(me, known):
        raise not_found("view")
    if found and found.shared:
        await note(parts, me, "view removed", f"view {found.name}", found.query, address_of(request))


def store_of(parts: Services) -> ListStore:
    """Raises Problem 503 where nothing is kept."""
    if parts.lists is None:
        raise Problem(503, "This server keeps no views.")
    return parts.lists
