"""Sounds that one party hears: tones, the beep, a tenant's announcement.

A helper channel of two halves (``Local/…@tapeline-say``) whispers into the party's channel: one half
plays, the other runs ChanSpy with a private whisper (dialplan/asterisk/extensions.conf). What is
whispered is mixed into what goes out to the party after MixMonitor has had its copy, so neither the
other party nor any recording hears it (seen on Asterisk 22).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from ...config import AsteriskConfig
from ...core import facts as f
from ...core.commands import PlaySound, Sound
from .connection import AmiConnection
from .headers import Headers, text
from .tones import FOLDER, put_tones
from .verbs import is_safe_file

log = structlog.get_logger(__name__)

#: An announcement that has not ended by then is taken for lost; core waits no longer either.
LONGEST_S = 30.0
CONTEXT = "tapeline-say"


class Ear:
    """Plays on one connection. ``channel_of`` gives a live leg's channel name."""

    def __init__(
        self,
        config: AsteriskConfig,
        new_id: Callable[[], str],
        now: Callable[[], datetime],
        channel_of: Callable[[str], str | None],
        *,
        spool_here: bool = True,
    ) -> None:
        self._spool_here = spool_here
        self._config = config
        self._new_id = new_id
        self._now = now
        self._channel_of = channel_of
        self._timeout_s = config.command_timeout_ms / 1000
        self._playing: dict[str, asyncio.Future[str]] = {}

    def prepare(self) -> None:
        """Put the tones where Asterisk finds them; on another machine the controller there does."""
        if self._spool_here:
            put_tones(self._config)

    async def play(self, ami: AmiConnection, command: PlaySound) -> f.AnnouncementPlayed | None:
        """Start a tone, or play an announcement to its end. Raises ConnectionLost."""
        if command.sound is not Sound.ANNOUNCEMENT:
            if self._channel_of(command.leg_id) is not None:
                tone = str(self._config.seen_by_switch / FOLDER / command.sound)
                refused = await self._start(ami, command.leg_id, tone, "-")
                if refused:
                    log.warning("sound.refused", switch=self._config.name, reason=refused)
            return None
        error = await self._announce(ami, command)
        return f.AnnouncementPlayed(command.leg_id, command.tenant, self._now(), error)

    async def _announce(self, ami: AmiConnection, command: PlaySound) -> str:
        """Why it could not be played; "" if it was."""
        if self._channel_of(command.leg_id) is None:
            return "the channel is gone"
        play_id = self._new_id()
        over = self._playing[play_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(LONGEST_S):
                either: set[asyncio.Future[str]] = {over, ami.closed}
                # Asterisk looks for a sound by its name without the ending.
                file = command.file.removesuffix(".wav")
                refused = await self._start(ami, command.leg_id, file, play_id)
                if refused:
                    return refused
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            return f"it was not over within {LONGEST_S:.0f} s, or the dialplan has no [{CONTEXT}]"
        finally:
            self._playing.pop(play_id, None)
        if not over.done():
            return "the connection to Asterisk broke"
        # Empty: the leg hung up, or the helper's other half could not take hold.
        return {"SUCCESS": "", "FAILED": f"Asterisk has no sound {command.file[:80]}"}.get(
            over.result(), "it was broken off"
        )

    def ended(self, event: Headers) -> bool:
        """Take a UserEvent of the helper's; False if the event is another."""
        if text(event, "UserEvent") != "TapelinePlayed":
            return False
        over = self._playing.get(text(event, "Play-Id"))
        if over is not None and not over.done():
            over.set_result(text(event, "Status").strip())
        return True

    async def _start(self, ami: AmiConnection, leg_id: str, file: str, play_id: str) -> str:
        """Asterisk's objection, "" if there is none."""
        if not is_safe_file(file):
            return "the sound's name holds a character that Asterisk would take for more than a name"
        answer = await ami.action(
            "Originate", self._timeout_s,
            Channel=f"Local/s@{CONTEXT}/n", Context="tapeline-ear", Exten="s", Priority="1",
            Timeout="2000", Async="true", CallerID="Tapeline <tapeline>",
            Variable=f"TAPELINE_LEG={leg_id},TAPELINE_PLAY={play_id},TAPELINE_SOUND={file}",
        )  # fmt: skip
        return "" if text(answer, "Response") == "Success" else text(answer, "Message")[:200] or "refused"
