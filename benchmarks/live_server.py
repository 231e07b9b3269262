"""A web server with many live calls that change all the time; a process of its own.

``python -m benchmarks.live_server CALLS CHANGES_A_SECOND CLIENTS SPOOL`` prints its port and a cookie for
each client, one JSON line. Told to end by a line on its input, it prints the CPU seconds it has used since,
and how long reading the calls' files has taken.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from controller.core.commands import Layout
from controller.engine.levels import LiveCapture, LiveLevels, Strips
from controller.engine.live import LiveFeed
from controller.engine.ports import LiveCall, LiveEvent, LiveParty, LiveRecording
from controller.engine.reading import Account, Role
from controller.media.live_levels import LevelReader
from controller.media.spool import Spool
from tests.catalog.story import Story
from tests.web.fakes import FakeControl
from tests.web.serving import served
from tests.web.world import opened

from .live_sound import path_of

TENANTS = 4
AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
_NUMBERS = itertools.count(1)


class ChangingCalls(FakeControl):
    """Calls without a switch behind them. What changes carries when it did, in nanoseconds."""

    def __init__(self, story: Story, count: int) -> None:
        super().__init__(story)
        self.feed = LiveFeed()
        self.calls = [_call(n) for n in range(count)]

    def live_calls(self) -> list[LiveCall]:
        return list(self.calls)

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[LiveEvent]]:
        return self.feed.reader()

    def change(self, n: int) -> None:
        call = self.calls[n]
        name = f"at{time.monotonic_ns()}ns"
        parties = (replace(call.parties[0], name=name), *call.parties[1:])
        paused = not call.recordings[0].paused
        recordings = (replace(call.recordings[0], paused=paused, paused_since=AT if paused else None),)
        self.calls[n] = replace(call, parties=parties, recordings=recordings)
        event = LiveEvent(call.call_id, self.calls[n], call.tenants)
        for queue in self.feed._readers:
            if not queue.full():
                queue.put_nowait(event)


def _call(n: int) -> LiveCall:
    tenant, user = f"t{n % TENANTS}.example", str(100 + n)
    return LiveCall(
        f"call{n:04}", "fs1", AT, AT,
        (
            LiveParty(f"a{n}", "internal", tenant, user, user, f"User {n}", False, None),
            LiveParty(f"b{n}", "external", None, None, f"+4930{n:06}", "Customer", False, None),
        ),
        (
            LiveRecording(
                f"r{n}", tenant, "audio", "recording", False, None, "the tenant records all calls", False,
                "tenant.on",
            ),
        ),
        (tenant,),
    )  # fmt: skip


def account_of(n: int) -> Account:
    """Of five clients one sees every tenant, the others administer one each."""
    if n % 5 == 0:
        return Account(f"account-{n}", f"who{n}", Role.SYSTEM, None, None)
    return Account(f"account-{n}", f"who{n}", Role.TENANT, f"t{n % TENANTS}.example", None)


class Looking:
    """Reads the spool and keeps how long each look took."""

    def __init__(self, spool: Path, count: int) -> None:
        self._reader = LevelReader({"fs1": Spool(spool)})
        self.took: list[float] = []
        self.captures = [
            LiveCapture(f"r{n}", "fs1", f"a{n}", path_of(n), Layout.OWN_LEFT, own_voice_only=False)
            for n in range(count)
        ]

    def look(self, captures: Sequence[LiveCapture]) -> Strips:
        began = time.perf_counter()
        strips = self._reader.look(captures)
        self.took.append(time.perf_counter() - began)
        return strips


async def main() -> None:
    count, rate, clients = (int(x) for x in sys.argv[1:4])
    looking = Looking(Path(sys.argv[4]), count)
    with tempfile.TemporaryDirectory(prefix="tapeline-live-") as folder:
        async with opened(Path(folder)) as world:
            control = ChangingCalls(world.story, count)
            web = world.app.state.web
            levels = LiveLevels(lambda: looking.captures, looking.look)
            world.app.state.web = replace(web, services=replace(web.services, control=control, levels=levels))
            cookies = []
            for n in range(clients):
                await world.catalog.add_account(account_of(n), "-")
                cookies.append(await web.sessions.begin(account_of(n).account_id))
            async with served(world) as url:
                print(json.dumps({"url": url, "cookies": cookies}), flush=True)
                await _until_told(control, rate, looking)


async def _until_told(control: ChangingCalls, rate: int, looking: Looking) -> None:
    """``go`` begins the changes, the next line ends them."""
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.readline)
    looking.took.clear()
    before, changes, due = resource.getrusage(resource.RUSAGE_SELF), 0, loop.time()
    end = loop.run_in_executor(None, sys.stdin.readline)
    while not end.done():
        control.change(changes * 7 % len(control.calls))
        changes += 1
        due += 1 / rate
        await asyncio.sleep(max(0.0, due - loop.time()))
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    took = sum(looking.took) / len(looking.took) if looking.took else 0.0
    print(json.dumps({"cpu_s": cpu, "changes": changes, "look_s": took}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
