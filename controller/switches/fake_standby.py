"""The in-memory switch carrying on alone: what it was told, and notes for whoever drives it to leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..core.alone import LeftBehind
from ..engine.ports import SwitchDown


class FakeStandby:
    """``connected`` says whether it can be told anything now; ``snapshot`` reports one."""

    def __init__(self, connected: Callable[[], bool], snapshot: Callable[[], None], after_s: int = 3) -> None:
        self.after_s = after_s
        self.table: dict[tuple[str, str], str] = {}
        self.renewed = 0
        self.notes: dict[str, LeftBehind] = {}
        self.told: list[str] = []
        self._connected, self._snapshot = connected, snapshot

    async def replace(self, table: Mapping[tuple[str, str], str]) -> None:
        self._tell("replace")
        self.table = dict(table)

    async def change(self, rows: Mapping[tuple[str, str], str | None]) -> None:
        self._tell("change")
        self.table |= {key: row for key, row in rows.items() if row is not None}
        for key, row in rows.items():
            if row is None:
                self.table.pop(key, None)

    async def renew(self) -> None:
        self._tell("renew")
        self.renewed += 1

    async def withdraw(self) -> None:
        self._tell("withdraw")
        self.table = {}

    async def left_behind(self) -> list[LeftBehind]:
        self._tell("left_behind")
        return list(self.notes.values())

    async def forget(self, recording_id: str) -> None:
        self._tell("forget")
        self.notes.pop(recording_id, None)

    async def look_again(self) -> None:
        self._tell("look_again")
        self._snapshot()

    def _tell(self, what: str) -> None:
        if not self._connected():
            raise SwitchDown("the switch is not connected")
        self.told.append(what)
