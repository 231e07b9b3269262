"""An adapter with the real core behind it and nothing else: facts in, commands out, all kept."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime

from controller.config import AsteriskConfig
from controller.core import facts as f
from controller.core.commands import Command
from controller.core.desk import Desk
from controller.core.effects import Effects
from controller.core.policy import Policy
from controller.core.recording import Recording
from controller.core.requests import ControlOutcome, ControlRequest
from controller.engine.ports import SwitchDown
from controller.switches.asterisk.adapter import AsteriskSwitch
from tests.policies import policy_of, tenant_rule

RECORD_ALL = policy_of(tenant_rule("acme.test", True), tenant_rule("other.test", True))


def now() -> datetime:
    return datetime.now(UTC)


class Bench:
    """``async with Bench(config) as bench`` runs the adapter; the desk decides."""

    def __init__(self, config: AsteriskConfig, policy: Policy = RECORD_ALL) -> None:
        ids = itertools.count(1)
        self.new_id = lambda: f"R{id(self):x}N{next(ids)}"
        self.switch = AsteriskSwitch(config, self.new_id, now)
        self.desk = Desk(self.new_id, policy, video_supported=False)
        self.facts: list[f.Fact] = []
        self.requests: list[ControlRequest] = []
        self.outcomes: list[ControlOutcome] = []
        self.executed: list[tuple[Command, f.Fact | None]] = []
        self._commands: asyncio.Queue[Command] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Bench:
        self._tasks = [
            asyncio.create_task(self.switch.run(self.fact, self.request)),
            asyncio.create_task(self._carry_out()),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    def fact(self, fact: f.Fact) -> None:
        self.facts.append(fact)
        self._effects(self.desk.apply(fact))

    def request(self, request: ControlRequest) -> None:
        self.requests.append(request)
        outcome, effects = self.desk.request(request)
        self.outcomes.append(outcome)
        self._effects(effects)

    def _effects(self, effects: Effects) -> None:
        for _, command in effects.commands:
            self._commands.put_nowait(command)

    async def _carry_out(self) -> None:
        while True:
            command = await self._commands.get()
            try:
                fact = await self.switch.execute(command)
            except SwitchDown:
                continue
            self.executed.append((command, fact))
            if fact is not None:
                self.fact(fact)

    def of(self, kind: type) -> list:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def recordings(self) -> list[Recording]:
        return [r for call in self.desk.book for r in call.recordings]

    def states(self) -> list[str]:
        return [str(r.running.state) for r in self.recordings if r.running]
