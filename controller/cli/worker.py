"""``tapeline worker``: a process that works on recordings and does nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from rich.text import Text

from ..config import load
from ..logs import set_up_logging
from ..notifying import ServiceManager, watched
from ..traces.sending import traced
from ..worker_process import bounded, gentle, together
from ..working import make_workers, open_catalog, open_stores, watermark_of
from .common import ConfigOption, console


def worker_command(config: ConfigOption = None) -> None:
    """Work on recordings beside a controller: collect, store, render, finish. No switch, no pages.

    Any number may run side by side, on any machine that sees the spool and `storage.path`; on more than
    one machine with PostgreSQL. What a dead one was at, another goes on with.
    """
    settings = load(config)
    set_up_logging(settings.log_level)
    gentle(settings.jobs.nice)
    bounded(settings.jobs.memory_mb)

    async def work() -> None:
        async with watched(ServiceManager()) as manager, open_catalog(settings) as catalog:
            stores = open_stores(settings)
            workers = make_workers(settings, catalog, stores, alone=True)
            # Its disks may be others than the controller's.
            parts = workers.run(), watermark_of(settings, stores).run()
            running = asyncio.ensure_future(together(*parts))
            for sign in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(sign, running.cancel)
            with contextlib.suppress(OSError):  # where that goes may be full
                console.print("The worker", Text(workers.node.name, "bold"), "is running")
            manager.ready()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    with traced(settings, "worker"):
        asyncio.run(work())
