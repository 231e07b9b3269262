"""What `tapeline doctor` finds about the controllers that share the catalog."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from .clustering import lease_store, marked
from .config import Config
from .engine.leasing import Cluster, Controller
from .engine.ports import Check

_REACH_S = 3.0


async def examine_controllers(config: Config) -> list[Check]:
    """Nothing with SQLite, where there is one, nor while the database is away, which is told elsewhere."""
    store = lease_store(config)
    if store is None:
        return []
    try:
        cluster = await store.look()
    except Exception as error:
        return [
            Check("controllers", False, f"the leases cannot be read: {error}", "see the finding `database`")
        ]
    finally:
        await store.close()
    alive = [c for c in cluster.controllers.values() if c.alive]
    if not alive:
        return [Check("controllers", True, "none runs now")]
    checks = [_held(config, cluster, alive), *await asyncio.gather(*map(_reached, alive))]
    mark = marked(config)
    strange = sorted(c.label for c in alive if mark and c.key_mark != mark)
    return checks + [
        Check(
            "controllers' secret", False, f"{', '.join(strange)}: another web.secret_file than here",
            "copy web.secret_file from one to the others and restart them",
        )
    ] * bool(strange)  # fmt: skip


def _held(config: Config, cluster: Cluster, alive: list[Controller]) -> Check:
    free = [s.name for s in config.switches if cluster.holder_of(s.name) is None]
    held = [(c.label, ", ".join(cluster.held_by(c.name))) for c in alive]
    found = "; ".join(f"{who} drives {what}" if what else f"{who} drives no switch" for who, what in held)
    if not free:
        return Check("controllers", True, found)
    return Check(
        "controllers", False, f"{found}; nobody drives {', '.join(free)}",
        "start a controller with the role switches whose configuration names it",
    )  # fmt: skip


async def _reached(controller: Controller) -> Check:
    """As another controller on this machine would reach it."""
    name, parts = f"controller {controller.label}", urlsplit(controller.address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(_REACH_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
        writer.close()
    except (OSError, TimeoutError, ValueError) as error:
        return Check(
            name, False, f"{controller.address} is not reached from here: {error or 'no answer'}",
            "set node.address there to where the others reach it, and web.host so that it listens there",
        )  # fmt: skip
    return Check(name, True, f"{controller.address} is reached from here")
