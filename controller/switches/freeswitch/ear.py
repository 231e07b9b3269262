"""Sounds in one party's ear: tones and announcements that neither the others nor a capture hear.

`uuid_displace` with mixing changes what is sent to its leg and nothing else. Its media bug comes
after those of the captures that are running, so they do not hear it (listened to on 1.10.12, on
both legs); one that starts later would, so a tone ends first. It does not take the bridge apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from datetime import datetime

from ...core import facts as f
from ...core.commands import PlaySound, Sound
from . import verbs
from .events import Event

Api = Callable[[str], Awaitable[str]]

TONES = {
    Sound.PAUSED: "tone_stream://v=-12;%(150,60,1000);%(150,0,700)",
    Sound.RESUMED: "tone_stream://v=-12;%(150,60,700);%(150,0,1000)",
    Sound.BEEP: "tone_stream://v=-12;%(200,0,1400)",
}
#: A sound of which no end is heard is taken for over after so long; the core waits no longer.
LONGEST_S = 30.0

#: The names of the events that it wants to hear of.
TELL_OF_SOUNDS = frozenset({"MEDIA_BUG_STOP", "CHANNEL_HANGUP_COMPLETE"})

_FILE = re.compile(r"(?!.*\.\.)[A-Za-z0-9_/][A-Za-z0-9_./-]{0,199}")


class Ear:
    """What is being played to whom. Tell it of every event of TELL_OF_SOUNDS."""

    def __init__(self, api: Api, now: Callable[[], datetime]) -> None:
        self._api = api
        self._now = now
        self._playing: dict[tuple[str, str], asyncio.Future[str]] = {}

    async def play(self, command: PlaySound) -> f.AnnouncementPlayed | None:
        """Start it; for an announcement, wait until it is over. Raises SwitchDown, TimeoutError."""
        if command.sound is not Sound.ANNOUNCEMENT:
            await self._play(command.leg_id, TONES[command.sound], LONGEST_S)
            return None
        try:
            error = await self._play(command.leg_id, announcement(command.file), LONGEST_S)
        except TimeoutError:
            error = "no answer in time"
        return f.AnnouncementPlayed(command.leg_id, command.tenant, self._now(), error)

    async def _play(self, leg_id: str, sound: str, within_s: float) -> str:
        """Returns why it could not be played, or nothing."""
        if (leg_id, sound) in self._playing:
            return "it is being played already"
        over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._playing[leg_id, sound] = over
        try:
            answer = await self._api(verbs.displace(leg_id, "start", sound))
            if not answer.startswith("+OK"):
                missing = "Cannot displace" in answer
                return (
                    "the switch has no such sound, or the leg no media" if missing else answer.strip()[:200]
                )
            async with asyncio.timeout(within_s):
                return await over
        finally:
            del self._playing[leg_id, sound]

    async def quiet(self, leg_id: str) -> None:
        """End the tones in this ear: a capture is about to start there, and would hear them."""
        for leg, sound in list(self._playing):
            if leg == leg_id and sound in TONES.values():
                with contextlib.suppress(TimeoutError):
                    await self._api(verbs.displace(leg_id, "stop", sound))

    def event(self, event: Event) -> None:
        name, leg_id = event.get("Event-Name"), event.get("Unique-ID", "")
        if name == "MEDIA_BUG_STOP" and event.get("Media-Bug-Function") == "displace":
            target = event.get("Media-Bug-Target", "")
            for (leg, sound), over in self._playing.items():
                # The switch makes a name into a path of its own.
                if leg == leg_id and (target == sound or target.endswith("/" + sound)):
                    _settle(over, "")
        elif name == "CHANNEL_HANGUP_COMPLETE":
            for (leg, _), over in self._playing.items():
                if leg == leg_id:
                    _settle(over, "the leg has hung up")

    def lost(self) -> None:
        """The connection is gone: nobody will tell when a sound is over."""
        for over in self._playing.values():
            _settle(over, "the connection to the switch broke")


def _settle(over: asyncio.Future[str], error: str) -> None:
    if not over.done():
        over.set_result(error)


def announcement(name: str) -> str:
    """A tenant's sound as the switch takes it: below ``sound_prefix`` unless it is a whole path, and
    a WAV unless its name says otherwise. Raises UnsafeArgument."""
    if not _FILE.fullmatch(name):
        raise verbs.UnsafeArgument(f"sound {name[:60]!r}")
    return name if "." in name.rpartition("/")[2] else f"{name}.wav"
