"""A Control whose calls live on a real desk, with a switch that answers at once, late or not at all."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

from controller.core.media_kinds import Operation
from controller.core.requests import Actor, ControlRequest, Means, Target
from controller.engine.live import LiveFeed, live_call
from controller.engine.ports import (
    CaptureReport,
    ControlReport,
    LinkState,
    LiveCall,
    LiveEvent,
    SwitchDown,
    SwitchStatus,
)
from tests.catalog.story import Story

SINCE = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


class FakeControl:
    """engine.ports.Control over a Story's desk. ``asked`` keeps who asked for what."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.feed = LiveFeed()
        self.asked: list[tuple[str, Target, Actor, Means]] = []
        self.reloads = 0
        self.link_down = False
        self.statuses = [SwitchStatus("fs1", "freeswitch", LinkState.UP, SINCE, "FreeSWITCH 1.10.12")]
        self.video = {"fs1": True}
        self._ids = (f"request{n}" for n in itertools.count(1))

    def live_calls(self) -> list[LiveCall]:
        return [live_call("fs1", call, self.story.desk.policy) for call in self.story.running]

    async def control(
        self, operation: Operation, target: Target, actor: Actor, means: Means
    ) -> ControlReport:
        self.asked.append((str(operation), target, actor, means))
        if self.link_down:
            raise SwitchDown("fs1 is down")
        request = ControlRequest(next(self._ids), self.story.at, operation, target, actor, means)
        outcome, effects = self.story.desk.request(request)
        self.story._take(effects)
        self.publish()
        wanted = set(outcome.capture_ids)
        captures = tuple(
            CaptureReport(r.recording_id, s.capture_id, str(s.kind), str(s.state))
            for call in self.story.running
            for r in call.recordings
            for s in r.segments
            if s.capture_id in wanted
        )
        return ControlReport(outcome, captures)

    def publish(self) -> None:
        for call in self.story.changed.values():
            self.feed.publish("fs1", call, self.story.desk.policy)

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[LiveEvent]]:
        return self.feed.reader()

    def switches(self) -> list[SwitchStatus]:
        return self.statuses

    def records_video(self) -> dict[str, bool]:
        return self.video

    async def reload_policy(self) -> None:
        self.reloads += 1
