"""Real calls for the audio benchmarks: a private switch, a controller process and scripted phones."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from controller.demo.asterisk_lab import AsteriskLab
from controller.demo.freeswitch_lab import FreeSwitchLab
from controller.demo.listen import Wav, read_wav
from controller.demo.phone import Dialog, Phone, digital_silence
from controller.demo.running import RunningController, items

Lab = AsteriskLab | FreeSwitchLab

#: Who calls whom. As many calls are up at once as there are pairs.
PAIRS = (("101", "102"), ("103", "104"), ("201", "202"))


@asynccontextmanager
async def telephones(lab: Lab, pairs: Sequence[tuple[str, str]] = PAIRS) -> AsyncIterator[dict[str, Phone]]:
    """The phones of these pairs, registered and silent (exact zeros); a first call has warmed the
    switch up."""
    wanted = {user for pair in pairs for user in pair}
    base = lab.sip_host.rsplit(".", 1)[0]
    phones = {
        user: Phone(
            user, f"{base}.{11 + number}", (lab.sip_host, lab.sip_port), password, domain=tenant,
            source=digital_silence(),
        )
        for number, (user, (password, tenant)) in enumerate(lab.users.items())
        if user in wanted
    }  # fmt: skip
    try:
        for phone in phones.values():
            await phone.start()
            await phone.register()
        for caller, callee in pairs:
            a, _ = await call(phones, caller, callee)
            await asyncio.sleep(0.5)
            await a.bye()
        # The phones live in this process. Without this, one garbage collection of everything that is
        # imported here would hold all of them up for 100 ms, as no phone on a desk would be.
        gc.collect()
        gc.freeze()
        yield phones
    finally:
        for phone in phones.values():
            await phone.close()


async def call(phones: dict[str, Phone], caller: str, callee: str, **more: Any) -> tuple[Dialog, Dialog]:
    """A call that is up: (the caller's dialog, the callee's)."""
    a = await phones[caller].call(callee, **more)
    return a, await phones[callee].next_call()


#: At the priority that docs/systemd/tapeline.service gives it.
_AS_SERVED = """
import os, runpy
if os.geteuid() == 0:
    os.nice(-5)
runpy.run_module("controller", run_name="__main__", alter_sys=True)
"""


class Recorder:
    """The controller as the benchmarks see it: what is recorded now, and the audio afterwards."""

    def __init__(self, controller: RunningController) -> None:
        self.controller = controller

    async def call_id(self, user: str) -> str:
        """Of the user's running call, once its recording runs."""
        found: list[str] = []

        async def recorded() -> bool:
            rows = items((await self.controller.api("GET", "/live")).body)
            found[:] = [
                str(row["call_id"])
                for row in rows
                if any(p["user"] == user for p in row["parties"])
                and any(r["state"] == "recording" for r in row["recordings"])
            ]
            return bool(found)

        await until(recorded, f"a recording of {user} runs", 30)
        return found[0]

    async def audio(self, call_id: str) -> Wav:
        """The recording of an ended call, as the catalog gives it."""
        ids: list[str] = []

        async def available() -> bool:
            answer = await self.controller.api("GET", f"/calls/{call_id}")
            ids[:] = [r["recording_id"] for r in answer.body["recordings"]] if answer.status == 200 else []
            if not ids or not answer.body["row"]["ended_at"]:
                return False
            detail = (await self.controller.api("GET", f"/recordings/{ids[0]}")).body
            return bool(detail["recording"]["media_state"] == "available")

        await until(available, f"the recording of {call_id} is in the store", 300)
        answer = await self.controller.api("GET", f"/recordings/{ids[0]}/audio")
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            Path(file.name).write_bytes(answer.raw)
            return read_wav(file.name)


@asynccontextmanager
async def recorded_by_controller(lab: Lab) -> AsyncIterator[Recorder]:
    """A controller process that records every user's calls."""
    with tempfile.TemporaryDirectory(prefix="tapeline-bench-") as folder:
        controller = RunningController(Path(folder), (lab,), nice=10)
        controller.program = ("-c", _AS_SERVED)
        await controller.set_policy(users={(tenant, user): True for user, (_, tenant) in lab.users.items()})
        await controller.add_account("bench", "correct horse battery")
        async with controller:
            yield Recorder(controller)


async def until(condition: Callable[[], Awaitable[bool]], what: str, within_s: float = 8.0) -> None:
    deadline = time.monotonic() + within_s
    while not await condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s} s: {what}")
        await asyncio.sleep(0.05)
