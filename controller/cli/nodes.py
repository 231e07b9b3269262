"""``tapeline nodes``: the controllers that share the catalog, and which switches each has."""

from __future__ import annotations

import asyncio
from typing import Any

from rich.table import Table

from ..catalog.database import DatabaseUnavailable
from ..catalog.sole import only_controller
from ..clustering import lease_store
from ..config import Config, load
from ..engine.leasing import Cluster
from .common import ConfigOption, JsonOption, console, print_json


def nodes_command(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """The controllers, and which switches each has."""
    settings = load(config)
    found = asyncio.run(_look(settings))
    if found is None:
        _alone(settings, as_json)
        return
    rows = [_plain(found, name) for name in sorted(found.controllers)]
    free = [s.name for s in settings.switches if found.holder_of(s.name) is None]
    if as_json:
        print_json({"nodes": rows, "free": free})
        return
    table = Table("node", "has", "is meant to have", "does", "address", "seen", box=None, pad_edge=False)
    for row in rows:
        seen = f"{row['seen_s']:.1f} s ago" if row["alive"] else f"gone, {row['seen_s']:.0f} s ago"
        lists = (", ".join(row[key]) or "-" for key in ("holds", "prefers", "roles"))
        table.add_row(row["label"], *lists, row["address"] or "-", seen)
    console.print(table)
    for name in free:
        console.print(f"No controller has switch {name}.")


async def _look(settings: Config) -> Cluster | None:
    store = lease_store(settings)
    if store is None:
        return None
    try:
        return await store.look()
    except Exception as error:
        raise DatabaseUnavailable(f"database.url: the leases cannot be read: {error}") from error
    finally:
        await store.close()


def _alone(settings: Config, as_json: bool) -> None:
    try:
        with only_controller(settings.database.url):
            running = False
    except DatabaseUnavailable:
        running = True
    if as_json:
        print_json({"nodes": [], "sole": running})
    else:
        runs = "It runs." if running else "It does not run."
        console.print(f"With the catalog on SQLite there is one controller, for all switches. {runs}")


def _plain(found: Cluster, name: str) -> dict[str, Any]:
    c = found.controllers[name]
    return {
        "name": c.name, "label": c.label, "address": c.address, "roles": list(c.roles),
        "holds": list(found.held_by(name)), "prefers": list(c.prefers), "alive": c.alive,
        "seen_s": round(c.idle_s, 1), "version": c.version, "started_at": c.started_at,
    }  # fmt: skip
