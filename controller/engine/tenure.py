"""How long an engine may control its switch, as the engine sees it."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Tenure(Protocol):
    """``epoch``: under which it writes; None: there is no other controller, nothing can be lost."""

    @property
    def epoch(self) -> int | None: ...

    @property
    def leased(self) -> bool:
        """Whether it can be lost at all."""

    def may_act(self) -> bool:
        """Now, by the clock: to be asked before every command, not only when a timer says so."""

    def may_write(self) -> bool: ...

    async def won(self) -> None:
        """Wait until the switch is ours."""

    async def lost(self) -> None:
        """Wait until it is ours no more."""

    def fenced(self) -> None:
        """The catalog has refused a write: somebody else has it."""

    async def settled(self, *, ending: bool = False) -> None:
        """Everything that acted has stopped; what is still ours is given back. ``ending``: for good."""


class Sole:
    """Of a controller that shares its catalog with no other one."""

    epoch = None
    leased = False

    def may_act(self) -> bool:
        return True

    def may_write(self) -> bool:
        return True

    async def won(self) -> None:
        return None

    async def lost(self) -> None:
        await asyncio.Event().wait()

    def fenced(self) -> None:
        return None

    async def settled(self, *, ending: bool = False) -> None:
        return None
