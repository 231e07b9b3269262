"""``tapeline serve``: the controller itself."""

from __future__ import annotations

import asyncio
import contextlib

from rich.text import Text

from ..bootstrap import assembled
from ..config import load
from ..engine.garbage import spare_the_loop
from ..guiding import prepare
from ..logs import set_up_logging
from ..notifying import ServiceManager, watched
from ..traces.sending import traced
from .common import ConfigOption, console


def serve_command(config: ConfigOption = None) -> None:
    """Run the controller: switches, recordings, pages and API."""
    settings = load(config)
    set_up_logging(settings.log_level)

    async def work(untraced: str) -> None:
        # Told outside of the parts: what the engine writes at the end is still watched.
        async with watched(ServiceManager()) as manager, assembled(settings, untraced=untraced) as parts:
            spare_the_loop()
            first = await prepare(settings, parts)

            def on_ready(url: str) -> None:
                with contextlib.suppress(OSError):  # where that goes may be full
                    console.print("The catalog is at", Text(url, "bold"))
                    if first:
                        console.print("Nobody may sign in yet. The first administrator is made, once, at:")
                        console.print(f"{url}{first}", soft_wrap=True, markup=False)
                manager.ready()

            await parts.run(on_ready)

    with traced(settings, "controller") as untraced:
        asyncio.run(work(untraced))
