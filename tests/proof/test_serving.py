"""`tapeline serve` seals by itself, and says so when it cannot."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from controller.catalog import SqlCatalog, open_database
from controller.media.store import LocalStore
from controller.proof.running import verify_catalog

from .conftest import World


async def test_a_running_controller_seals_what_happens(tmp_path: Path) -> None:
    database = await open_database(f"sqlite+aiosqlite:///{tmp_path}/tapeline.db")
    world = World(SqlCatalog(database), LocalStore(tmp_path / "store"), tmp_path / "data/proof.key")
    world.catalog._now = world.now
    await world.recording("r1")
    environ = os.environ | {
        "TAPELINE_DATABASE__URL": f"sqlite+aiosqlite:///{tmp_path}/tapeline.db",
        "TAPELINE_STORAGE__PATH": str(tmp_path / "store"),
        "TAPELINE_WEB__PORT": "0",
        "TAPELINE_WEB__SECRET_FILE": str(tmp_path / "session.key"),
        "TAPELINE_PROOF__KEY_FILE": str(world.key_file),
    }
    serving = await asyncio.create_subprocess_exec(sys.executable, "-m", "controller", "serve", env=environ)
    try:
        await sealed(world, "recording:r1")
        assert world.key_file.stat().st_mode & 0o777 == 0o600
        await world.heard("r1")
        await sealed(world, "audit:")
    finally:
        serving.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(serving.wait(), 30)
    verdict = await verify_catalog(world.catalog, world.read)
    await database.close()
    assert verdict.findings == []
    assert code == 0


async def sealed(world: World, source: str) -> None:
    deadline = time.monotonic() + 60
    while not any(s.startswith(source) for s in await world.sources()):
        assert time.monotonic() < deadline, f"not sealed: {source}"
        await asyncio.sleep(0.1)
