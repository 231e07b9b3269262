"""Feature codes bound to legs, and bound again where FreeSWITCH has let the first time go by.

An application that is executed while its leg is being moved runs, but the inline dialplan in it is dropped
without a word: `switch_core_session_execute_exten` goes on only as long as the channel is ready, which it is
not in a transfer (1.10.12). So it is when somebody retrieves a parked call: the new leg changes its state as
soon as it exists. The other party would then hear the code, and nobody would be paused. So each binding
leaves a note on its channel as its last step, and who talks without one is bound again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from ...core import facts as f
from ...core.commands import BindFeatureCodes
from ...engine.ports import SwitchDown
from . import verbs

#: After a leg has come into a bridge: when it is looked whether its codes are bound. Not at once, since a
#: binding that is only late must not be done twice: it takes the bridge apart, see verbs.bind_codes.
LOOKS_S = (0.3, 1.0, 3.0)


class Codes:
    """``api``: one command and its answer; the second argument says that it is raw."""

    def __init__(self, api: Callable[[str, bool], Awaitable[str]]) -> None:
        self._api = api
        self._unsure: dict[str, BindFeatureCodes] = {}
        self._looking: dict[str, asyncio.Task[None]] = {}

    async def bind(self, command: BindFeatureCodes) -> None:
        """Raises SwitchDown, TimeoutError."""
        self._unsure[command.leg_id] = command
        await self._api(verbs.bind_codes(command), True)

    def note(self, fact: f.Fact) -> None:
        """Every fact that is reported."""
        if isinstance(fact, f.BridgeEntered):
            if fact.leg_id in self._unsure and fact.leg_id not in self._looking:
                self._looking[fact.leg_id] = asyncio.get_running_loop().create_task(self._look(fact.leg_id))
        elif isinstance(fact, f.LegHungUp):
            self._unsure.pop(fact.leg_id, None)
            task = self._looking.pop(fact.leg_id, None)
            if task is not None:
                task.cancel()

    def stop(self) -> None:
        for task in self._looking.values():
            task.cancel()
        self._looking.clear()

    async def _look(self, leg_id: str) -> None:
        try:
            for wait in LOOKS_S:
                await asyncio.sleep(wait)
                with contextlib.suppress(SwitchDown, TimeoutError):
                    answer = (await self._api(verbs.ask_variable(leg_id, verbs.BOUND), False)).strip()
                    if answer == "true" or answer.startswith("-ERR"):
                        self._unsure.pop(leg_id, None)
                        return
                    await self._api(verbs.bind_codes(self._unsure[leg_id]), True)
        finally:
            if self._looking.get(leg_id) is asyncio.current_task():
                del self._looking[leg_id]
