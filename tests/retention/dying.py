"""A process of its own that purges what is due, and kills itself with -9 at a named point."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from datetime import datetime
from multiprocessing.process import BaseProcess
from pathlib import Path

from controller.catalog import open_database
from controller.config.storage import LocalStoreConfig, StorageConfig
from controller.engine.crash_points import arm
from controller.media.shelves import make_stores

from .conftest import House


async def _purge(url: str, root: Path, at: datetime) -> None:
    database = await open_database(url)
    stores = make_stores(
        StorageConfig(path=root / "home"), [LocalStoreConfig(kind="local", name="shelf", path=root / "shelf")]
    )
    house = House(root, database, stores, at)
    await house.eraser.purge_due()
    await house.sealer().drain()
    await house.eraser.trace_due()


def purger(url: str, root: str, at: datetime, point: str) -> None:
    """The process's whole life."""

    def hook(name: str) -> None:
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    arm(hook)
    asyncio.run(_purge(url, Path(root), at))


def start(url: str, root: Path, at: datetime, point: str) -> BaseProcess:
    """Forked from a server that has everything imported: no second is spent on that."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.retention.dying"])
    process = context.Process(target=purger, args=(url, str(root), at, point), daemon=True)
    process.start()
    return process
