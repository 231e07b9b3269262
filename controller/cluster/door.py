"""What this controller answers the others. The web has made sure that it is one of them who asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from ..engine.engine import Engine
from ..engine.ports import SwitchStatus
from ..engine.spool_eyes import SpoolEyes
from . import wire

#: A sign of life in the live stream, so that one that is cut is noticed.
PULSE_S = 1.0


class Door:
    """``spools``: those on this machine, by their switch's name, whoever controls that one."""

    def __init__(self, engine: Engine, spools: Mapping[str, SpoolEyes]) -> None:
        self._engine = engine
        self._spools = spools

    async def answer(self, path: str, body: bytes) -> bytes:
        """JSON for JSON. Raises KeyError for a question that we do not know, ValueError for one that we do
        not understand, SwitchDown."""
        if path in (wire.FITS, wire.CONTROL):
            operation, target, actor, means = wire.ASKED.validate_json(body).parts()
            if path == wire.FITS:
                calls, refusal = self._engine.fitting(operation, target, actor, means)
                return wire.FIT.dump_json(wire.Fit(calls, refusal))
            return wire.REPORT.dump_json(await self._engine.control(operation, target, actor, means))
        if path == wire.RELOAD:
            await self._engine.reload_policy()
            return wire.YES_OR_NO.dump_json(True)
        if path == wire.SPOOL:
            asked = wire.SPOOL_QUESTION.validate_json(body)
            return wire.SPOOL_ANSWER.dump_json(await self._spool(asked))
        keeper = self._engine.keeper
        ask = {wire.VOUCH: keeper.vouch, wire.ACTS: keeper.acts}[path] if keeper else None
        switch = wire.QUESTION.validate_json(body).switch
        return wire.YES_OR_NO.dump_json(ask is not None and ask(switch))

    async def _spool(self, asked: wire.SpoolQuestion) -> wire.SpoolAnswer:
        eyes = self._spools.get(asked.switch)
        if eyes is None:
            return wire.SpoolAnswer(why="the spool is not on this machine")
        try:
            if asked.written:
                return wire.SpoolAnswer(written_at=await eyes.written_at(asked.written))
            return wire.SpoolAnswer(await eyes.look(asked.paths))
        except OSError as error:
            return wire.SpoolAnswer(why=error.strerror or str(error))

    async def live(self) -> AsyncIterator[bytes]:
        """Lines: first all that is up, then every change, and a sign of life in between."""
        async with self._engine.events() as events:
            following = asyncio.ensure_future(anext(events))
            try:
                yield self._line(wire.Told(self._states(), tuple(self._engine.live_calls())))
                while True:
                    await asyncio.wait({following}, timeout=PULSE_S)
                    if not following.done():
                        yield self._line(wire.Told(self._states()))
                        continue
                    event = following.result()
                    following = asyncio.ensure_future(anext(events))
                    yield self._line(wire.Told(self._states(), event=event))
            finally:
                following.cancel()

    def _states(self) -> tuple[SwitchStatus, ...]:
        return tuple(e.status for e in self._engine.engines if e.acting)

    @staticmethod
    def _line(told: wire.Told) -> bytes:
        return wire.TOLD.dump_json(told) + b"\n"
