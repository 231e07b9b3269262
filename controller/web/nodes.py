"""The controllers that share the catalog, as the pages, the API and the alarms tell of them."""

from __future__ import annotations

from dataclasses import dataclass

from ..engine.leasing import Cluster, Controller


@dataclass(frozen=True, slots=True)
class NodeSeen:
    controller: Controller
    holds: tuple[str, ...]
    same_secret: bool


def nodes_of(cluster: Cluster, key_mark: str) -> list[NodeSeen]:
    """By label."""
    found = sorted(cluster.controllers.values(), key=lambda c: (c.label, c.name))
    return [NodeSeen(c, cluster.held_by(c.name), not key_mark or c.key_mark == key_mark) for c in found]
