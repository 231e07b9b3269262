"""A running engine over switches in memory and a catalog that a test can block or break."""

from __future__ import annotations

import asyncio
import copy
import itertools
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from controller.core.calls import Call
from controller.core.media_kinds import OPERATIONS
from controller.core.parties import Party, Side
from controller.core.policy import Policy
from controller.core.requests import Actor, ControlRequest, Means, NameTarget, SystemActor, Target
from controller.engine.engine import Engine
from controller.engine.keeper import Keeper
from controller.engine.leasing import Fenced
from controller.engine.ports import ControlReport
from controller.switches.fake import FakeSwitch
from tests.policies import policy_of, tenant_rule

RECORD = policy_of(tenant_rule("acme.test", True))
ADMIN = SystemActor("test")


def user(number: str, tenant: str = "acme.test") -> Party:
    return Party(Side.INTERNAL, tenant, number, number)


def now() -> datetime:
    return datetime.now(UTC)


class MemoryCatalog:
    """Keeps each call as it was when last saved. ``blocked`` holds `save` up, ``failures`` break it."""

    def __init__(self, policy: Policy = RECORD) -> None:
        self.settings = policy
        self.calls: dict[str, Call] = {}
        self.merged: dict[str, str] = {}
        self.open: dict[str, list[Call]] = {}
        self.saves = 0
        self.failures = 0
        self.policy_failures = 0
        self.epoch: int | None = None
        self.free = asyncio.Event()
        self.free.set()

    async def save(
        self, switch: str, calls: Sequence[Call], merged: Mapping[str, str], *, epoch: int | None = None
    ) -> None:
        kept = copy.deepcopy(list(calls))  # read before the first await, as the contract says
        await self.free.wait()
        if self.failures > 0:
            self.failures -= 1
            raise ConnectionError("the database is away")
        if self.epoch is not None and epoch != self.epoch:
            raise Fenced("another one has it")
        self.saves += 1
        for gone in merged:
            self.calls.pop(gone, None)
        self.calls.update({call.call_id: call for call in kept})
        self.merged.update(merged)

    async def bequeath(self, switch: str, calls: Sequence[Call]) -> int:
        new = {call.call_id: copy.deepcopy(call) for call in calls if call.call_id not in self.calls}
        self.calls.update(new)
        return len(new)

    async def open_calls(self, switch: str) -> list[Call]:
        return self.open.get(switch, [])

    async def recordings_among(self, recording_ids: Collection[str]) -> set[str]:
        saved = {r.recording_id for call in self.calls.values() for r in call.recordings}
        return saved & set(recording_ids)

    async def policy(self) -> Policy:
        if self.policy_failures > 0:
            self.policy_failures -= 1
            raise ConnectionError("the database is away")
        return self.settings


class Running:
    """``async with Running(tmp_path) as running``: the engine runs and every switch is up."""

    def __init__(self, folder: Path, catalog: MemoryCatalog | None = None, names: tuple[str, ...] = ("pbx",),
                 switches: Sequence[FakeSwitch] | None = None, prefix: str = "R",
                 keeper: Keeper | None = None) -> None:  # fmt: skip
        self.catalog = catalog or MemoryCatalog()
        self.switches = list(switches or [FakeSwitch(n, folder, now, command_timeout_s=0.2) for n in names])
        ids = itertools.count(1)
        self.ended = 0
        self.engine = Engine(
            self.switches, self.catalog, now, lambda: f"{prefix}{next(ids)}", self._on_ended, keeper=keeper
        )
        self.task: asyncio.Task[None] | None = None

    def _on_ended(self) -> None:
        self.ended += 1

    @property
    def switch(self) -> FakeSwitch:
        return self.switches[0]

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.engine.run())
        while not all(e.stats.facts for e in self.engine.engines):
            assert not self.task.done(), self.task
            await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.task is not None
        self.task.cancel()
        [end] = await asyncio.gather(self.task, return_exceptions=True)
        assert isinstance(end, asyncio.CancelledError), end

    async def ask(
        self, operation: str, name: str, actor: Actor = ADMIN, means: Means = Means.API
    ) -> ControlReport:
        target: Target = NameTarget(name)
        return await self.engine.control(OPERATIONS[operation], target, actor, means)

    def request(self, operation: str, name: str, means: Means = Means.BUS) -> ControlRequest:
        return ControlRequest(f"Q{name}", now(), OPERATIONS[operation], NameTarget(name), ADMIN, means)

    def states(self) -> list[str]:
        return [r.state for call in self.engine.live_calls() for r in call.recordings]

    def executed(self, switch: int = 0) -> list[str]:
        """The capture commands that arrived, as ``OpenCapture R2.1``."""
        return [
            f"{type(c).__name__} {c.capture_id}"
            for c in self.switches[switch].executed
            if hasattr(c, "capture_id")
        ]
