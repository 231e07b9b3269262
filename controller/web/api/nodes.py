"""/api/v1/nodes: the controllers that share this catalog, and which switches each has."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ..nodes import NodeSeen, nodes_of
from ..permits import SystemAdmin
from ..services import Parts
from .listing import Listed, cut
from .params import Before, Limit

router = APIRouter(tags=["status"])


class NodeView(BaseModel):
    name: str = Field(description="Of this process alone; another one is another name.")
    label: str = Field(description="What its machine is called.", examples=["berlin"])
    address: str = Field(description="Where the other controllers reach it.")
    roles: list[str]
    holds: list[str] = Field(description="The switches that it has now.")
    prefers: list[str] = Field(description="Those that it is meant to have.")
    alive: bool
    seen_s: float = Field(description="So many seconds ago it was seen.")
    same_secret: bool = Field(description="Whether its `web.secret_file` is the same as here.")
    version: str
    started_at: datetime

    @classmethod
    def of(cls, node: NodeSeen) -> NodeView:
        c = node.controller
        return cls(
            name=c.name, label=c.label, address=c.address, roles=list(c.roles), holds=list(node.holds),
            prefers=list(c.prefers), alive=c.alive, seen_s=round(c.idle_s, 1), same_secret=node.same_secret,
            version=c.version, started_at=c.started_at,
        )  # fmt: skip


class NodePage(Listed[NodeView]):
    """By label."""


@router.get("/nodes", summary="The controllers and which switches they have")
async def get_nodes(parts: Parts, me: SystemAdmin, limit: Limit = 50, before: Before = None) -> NodePage:
    found = nodes_of(parts.cluster(), parts.key_mark)
    page, more = cut(found, lambda n: (n.controller.label, n.controller.name), limit, before)
    return NodePage(items=[NodeView.of(n) for n in page], next=more)
