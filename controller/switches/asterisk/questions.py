"""What no event says is asked, as soon as the switch can answer: names, routes, video, monitors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import structlog

from ...core import facts as f
from .connection import AmiConnection, ConnectionLost, UnsafeValue
from .recorder import Recorder
from .resync import names_of, routes_now
from .translate import Translator
from .video import video_of

log = structlog.get_logger(__name__)


class Questions:
    """Those that are under way on one connection; ``on_fact`` gets what comes of them."""

    def __init__(
        self,
        switch: str,
        ami: AmiConnection,
        translator: Translator,
        recorder: Recorder,
        now: Callable[[], datetime],
        timeout_s: float,
        on_fact: Callable[[f.Fact], None],
    ) -> None:
        self._switch = switch
        self._ami = ami
        self._translator = translator
        self._recorder = recorder
        self._now = now
        self._timeout_s = timeout_s
        self._on_fact = on_fact
        self._tasks: set[asyncio.Task[None]] = set()

    def follow(self, event: str, leg_id: str, *, cut: bool) -> None:
        """Ask what this event leaves open. ``cut``: it came without what it had to say, see seal.py."""
        if event == "MixMonitorStop":
            self.ask(self._monitors(leg_id))
        elif event == "QueueCallerJoin" or (event == "VarSet" and cut):
            self.ask(self._routes(leg_id))
        elif event == "BridgeEnter":
            self.ask(self._video(leg_id))
        elif event in ("Newchannel", "Newstate"):
            channel = self._translator.channels.get(leg_id)
            # A leg that the switch calls has its Call-ID once it rings; asked before, Asterisk warns.
            if channel is not None and not channel.call_id and (channel.calling or event == "Newstate"):
                self.ask(self._names(leg_id))

    def ask(self, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except (ConnectionLost, TimeoutError, UnsafeValue) as error:
                log.info("switch.unanswered", switch=self._switch, reason=str(error) or "no answer in time")

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> list[asyncio.Task[None]]:
        """Give all of them up; wait for what is returned."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        return tasks

    async def _names(self, leg_id: str) -> None:
        channel = self._translator.channels.get(leg_id)
        if channel is not None:
            named = await names_of(self._ami, self._translator, channel, self._now, self._timeout_s)
            if named is not None:
                self._on_fact(named)

    async def _video(self, leg_id: str) -> None:
        channel = self._translator.channels.get(leg_id)
        if channel is not None:
            changed = await video_of(self._ami, channel, self._now, self._timeout_s)
            if changed is not None:
                self._on_fact(changed)

    async def _routes(self, leg_id: str) -> None:
        """What a channel came through, where no event could say it; a queue is noted on the channel,
        where whoever connects later finds it."""
        channel = self._translator.channels.get(leg_id)
        if channel is not None:
            said = await routes_now(self._ami, channel, self._timeout_s)
            for fact in self._translator.route(channel, said, self._now()):
                self._on_fact(fact)

    async def _monitors(self, leg_id: str) -> None:
        """A monitor was stopped on a channel: by us, or by a dialplan that did not know of ours."""
        for fact in await self._recorder.ended_by_others(self._ami, leg_id):
            log.warning("capture.stopped_by_others", switch=self._switch, capture=fact.capture_id)
            self._on_fact(fact)
