"""Captures on FreeSWITCH: `uuid_record` opened, closed, masked and unmasked, and what came of each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime

from ...config import FreeSwitchConfig
from ...core import facts as f
from ...core.commands import CloseCapture, KeepCapture, MaskCapture, OpenCapture, UnmaskCapture
from ...engine.ports import LEG_GONE
from ..notes import note_of
from ..shared_folders import SharedFolders
from . import verbs
from .ear import Ear
from .video import VideoWatch

Ask = Callable[[str], Awaitable[str]]


class Captures:
    """``api`` gives one command's answer, ``background`` that of one in a thread of the switch's own.
    Every method raises SwitchDown; a time-out is a refusal."""

    def __init__(
        self,
        config: FreeSwitchConfig,
        api: Ask,
        background: Ask,
        now: Callable[[], datetime],
        ear: Ear,
        video: VideoWatch,
        partner_of: Callable[[str], str],
        spool_here: bool,
    ) -> None:
        self._seen_by_switch = config.seen_by_switch
        self._api, self._background, self._now = api, background, now
        self._ear, self._video = ear, video
        self._partner_of = partner_of
        self._folders = SharedFolders(config.spool) if spool_here else None

    async def execute(
        self, command: OpenCapture | CloseCapture | MaskCapture | UnmaskCapture
    ) -> f.CaptureFact:
        match command:
            case OpenCapture():
                return await self.open(command)
            case CloseCapture():
                return await self.close(command)
            case MaskCapture():
                return await self.mask(command)
            case UnmaskCapture():
                return await self.unmask(command)

    async def open(self, command: OpenCapture) -> f.CaptureFact:
        file = self._file(command.path)
        # In the background: `start` waits 12–18 ms for its writer thread, and on this connection
        # every other call's commands and events would wait with it.
        try:
            if self._folders is not None:
                await self._folders.make(command.path)
            await self._ear.quiet(command.leg_id)
            # All in the same breath: the switch does them in order, and an answer in between would
            # cost the start of the recording.
            *_, reply = await asyncio.gather(
                self._api(
                    verbs.prepare_record(
                        command.leg_id, own_voice_only=command.own_voice_only, layout=command.layout
                    )
                    + ";"
                    + verbs.note_capture(
                        command.capture_id,
                        note_of(command, self._now()),
                        file,
                        self._partner_of(command.leg_id),
                    )
                ),
                *(self._api(line) for line in self._video.preparations(command)),
                self._background(verbs.record(command.leg_id, "start", file)),
            )
        except TimeoutError:
            # It may start yet. Say stop at once, so that nothing runs that nobody knows of.
            with contextlib.suppress(TimeoutError):
                await self._background(verbs.record(command.leg_id, "stop", file))
            reply = "no answer in time"
        if not reply.startswith("+OK"):
            reason = LEG_GONE if "Cannot locate session" in reply else reply.strip()[:200]
            return f.CaptureRefused(command.capture_id, self._now(), reason)
        self._video.opened(command)
        return f.CaptureOpened(command.capture_id, self._now())

    async def keep(self, command: KeepCapture) -> None:
        """Note that what was provisional is kept, so that whoever finds it without its row keeps it."""
        with contextlib.suppress(TimeoutError):
            await self._api(verbs.note_kept(command.leg_id, command.capture_id))

    async def close(self, command: CloseCapture) -> f.CaptureFact:
        try:
            reply = await self._background(verbs.record(command.leg_id, "stop", self._file(command.path)))
        except TimeoutError:
            reply = "no answer in time"
        gone = "Cannot locate session" in reply or "Cannot stop record session" in reply
        if reply.startswith("+OK") or gone:
            return f.CaptureClosed(command.capture_id, self._now(), "stopped")
        return f.CaptureCloseRefused(command.capture_id, self._now(), reply.strip()[:200])

    async def mask(self, command: MaskCapture) -> f.CaptureFact:
        # The note goes first, in the same breath: whenever this process dies, what is silent has its
        # note, and a snapshot masks again whatever has one.
        _, reply = await asyncio.gather(self._note_mask(command, on=True), self._record(command, "mask"))
        if not reply.startswith("+OK"):
            return f.CaptureMaskRefused(command.capture_id, self._now(), reply[:200])
        return f.CaptureMasked(command.capture_id, self._now())

    async def unmask(self, command: UnmaskCapture) -> f.CaptureFact:
        reply = await self._record(command, "unmask")
        if not reply.startswith("+OK"):
            return f.CaptureUnmaskRefused(command.capture_id, self._now(), reply[:200])
        at = self._now()
        await self._note_mask(command, on=False)
        return f.CaptureUnmasked(command.capture_id, at)

    async def _record(self, command: MaskCapture | UnmaskCapture, verb: str) -> str:
        try:
            return await self._api(verbs.record(command.leg_id, verb, self._file(command.path)))
        except TimeoutError:
            return "no answer in time"

    async def _note_mask(self, command: MaskCapture | UnmaskCapture, *, on: bool) -> None:
        """Leave the mask's state on the channel, where it outlives this process."""
        with contextlib.suppress(TimeoutError):
            await self._api(verbs.note_mask(command.leg_id, command.capture_id, on=on))

    def _file(self, path: str) -> str:
        return str(self._seen_by_switch / path)
