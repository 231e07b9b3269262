"""Video that comes and goes in a call: FreeSWITCH does not say so, hence it is asked after a re-INVITE.

Seen on 1.10.12: a phone's re-INVITE fires ``sofia::reinvite``, which says nothing but the leg; that
video is gone fires nothing at all, and the codec's name stays in the channel's variables for ever.
What counts is ``video_media_flow``. The other leg's answer to a change that is passed on comes later.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from ...core import facts as f
from ...core.commands import OpenCapture
from ...core.media_kinds import Kind
from ...engine.ports import SwitchDown
from . import verbs
from .events import Event

#: When a leg is looked at after a re-INVITE, in seconds from one look to the next: 60 s in all, since the
#: other party may have to press a button.
LOOKS_S = (0.0, 0.1, 0.2, 0.7, 1.0, 2.0, 4.0, 8.0, 14.0, 30.0)

#: So long after a capture's start the other leg's pictures are decoded as well (a frame of the first leg
#: later, switch_ivr_bridge.c); a key frame that comes before that is wasted.
DECODING_S = 0.1

_FLOW = re.compile(r"sendrecv|sendonly|recvonly|inactive|disabled|")
_CODEC = re.compile(r"(?!-ERR)[A-Za-z0-9_.-]*")


def has_video(event: Event) -> bool:
    """A video codec has been negotiated and not been taken away; an offer alone is no video call."""
    codec = event.get("variable_rtp_use_video_codec_name") or event.get("variable_video_read_codec")
    return bool(codec) and _flows(event.get("variable_video_media_flow", ""))


def _flows(flow: str) -> bool:
    return flow not in ("inactive", "disabled")


def _value(answer: str) -> str:
    """A variable's, "" where it is not set."""
    value = answer.strip()
    return "" if value == "_undef_" else value


class VideoWatch:
    """``ask``: one api command and its answer. Raises nothing."""

    def __init__(
        self,
        ask: Callable[[str], Awaitable[str]],
        on_fact: Callable[[f.Fact], None],
        now: Callable[[], datetime],
    ) -> None:
        self._ask, self._on_fact, self._now = ask, on_fact, now
        self._bridge_of: dict[str, str] = {}
        self._video: dict[str, bool] = {}
        self._looks: dict[str, asyncio.Task[None]] = {}
        self._refreshes: set[asyncio.Task[None]] = set()
        self._noting: dict[type, Callable[[Any], None]] = {
            f.SwitchSnapshot: self._snapshot,
            f.LegStarted: self._seen,
            f.LegVideoChanged: self._seen,
            f.BridgeEntered: self._entered,
            f.BridgeLeft: self._left,
            f.LegHungUp: self._hung_up,
        }

    # ── what happens ──────────────────────────────────────────────────────────────────────

    def note(self, fact: f.Fact) -> None:
        """Every fact that is reported, in order; a snapshot's are taken one by one."""
        noting = self._noting.get(type(fact))
        if noting is not None:  # most tell nothing of video
            noting(fact)

    def _snapshot(self, fact: f.SwitchSnapshot) -> None:
        self._bridge_of.clear()
        for facts in fact.legs.values():
            for each in facts:
                self.note(each)

    def _seen(self, fact: f.LegStarted | f.LegVideoChanged) -> None:
        self._video[fact.leg_id] = fact.video

    def _entered(self, fact: f.BridgeEntered) -> None:
        self._bridge_of[fact.leg_id] = fact.bridge_id

    def _left(self, fact: f.BridgeLeft) -> None:
        if self._bridge_of.get(fact.leg_id) == fact.bridge_id:
            del self._bridge_of[fact.leg_id]

    def _hung_up(self, fact: f.LegHungUp) -> None:
        self._bridge_of.pop(fact.leg_id, None)
        self._video.pop(fact.leg_id, None)
        look = self._looks.pop(fact.leg_id, None)
        if look is not None:
            look.cancel()

    def event(self, event: Event) -> None:
        """A re-INVITE may have changed its own leg, and those that it is passed on to."""
        if event.get("Event-Subclass") != "sofia::reinvite":
            return
        leg_id = event.get("Unique-ID", "")
        if leg_id not in self._video:
            return
        for each in filter(verbs.speakable, (leg_id, *self.others(leg_id))):
            running = self._looks.pop(each, None)
            if running is not None:
                running.cancel()
            self._looks[each] = asyncio.get_running_loop().create_task(self._watch(each))

    def others(self, leg_id: str) -> list[str]:
        """Whom this leg talks to."""
        bridge = self._bridge_of.get(leg_id)
        return [i for i, b in self._bridge_of.items() if b == bridge and i != leg_id] if bridge else []

    def stop(self) -> None:
        for task in (*self._looks.values(), *self._refreshes):
            task.cancel()
        self._looks.clear()

    # ── looking ───────────────────────────────────────────────────────────────────────────

    async def _watch(self, leg_id: str) -> None:
        for wait in LOOKS_S:
            await asyncio.sleep(wait)
            with contextlib.suppress(SwitchDown, TimeoutError):
                flow, codec = await asyncio.gather(
                    *(self._ask(verbs.ask_variable(leg_id, name)) for name in verbs.VIDEO_VARIABLES)
                )
                if not (_FLOW.fullmatch(_value(flow)) and _CODEC.fullmatch(_value(codec))):
                    continue  # the leg has gone, say
                if leg_id not in self._video:
                    continue
                video = bool(_value(codec)) and _flows(_value(flow))
                if video != self._video[leg_id]:
                    self._video[leg_id] = video
                    self._on_fact(f.LegVideoChanged(leg_id, self._now(), video))

    # ── captures ──────────────────────────────────────────────────────────────────────────

    def preparations(self, command: OpenCapture) -> list[str]:
        """What the switch is told besides in the same breath as the start of a video capture."""
        if command.kind is not Kind.VIDEO:
            return []
        found = [verbs.prepare_video(command.leg_id, own_voice_only=command.own_voice_only)]
        return found + [
            verbs.let_ask_for_key_frames(other)
            for other in self.others(command.leg_id)
            if verbs.speakable(other)
        ]

    def opened(self, command: OpenCapture) -> None:
        """A capture runs: have the others' cameras begin at once too, not at their next key frame."""
        if command.kind is Kind.VIDEO and not command.own_voice_only:
            for other in filter(verbs.speakable, self.others(command.leg_id)):
                task = asyncio.get_running_loop().create_task(self._refresh(other))
                self._refreshes.add(task)
                task.add_done_callback(self._refreshes.discard)

    async def _refresh(self, leg_id: str) -> None:
        await asyncio.sleep(DECODING_S)
        with contextlib.suppress(SwitchDown, TimeoutError):
            await self._ask(verbs.refresh_video(leg_id))
