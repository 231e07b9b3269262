"""Captures by MixMonitor: each command carried out and, where Asterisk's word is not enough, checked.

Asterisk says Success to a MixMonitor whose file it cannot write and to a Mute without a monitor,
so the file is looked for on the disk and the monitor in the channel's list.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

import structlog

from ...config import AsteriskConfig
from ...core import facts as f
from ...core.commands import (
    CaptureCommand,
    CloseCapture,
    KeepCapture,
    Layout,
    MaskCapture,
    OpenCapture,
    UnmaskCapture,
)
from ...core.media_kinds import Kind
from ...core.recording import side_paths
from ...engine.spool_eyes import SpoolEyes
from ..notes import note_of
from .connection import AmiConnection, UnsafeValue
from .headers import text
from .resync import variable
from .verbs import (
    MONITOR,
    PAUSED,
    id_variable,
    is_safe_file,
    kept_variable,
    mask_variable,
    monitors,
    note_variable,
)

log = structlog.get_logger(__name__)

GONE = "the channel is gone"


@dataclass(slots=True)
class Running:
    """A capture of ours as the switch knows it. Ids are pointers, used again after a stop."""

    leg_id: str
    monitor_id: str


class Recorder:
    """Carries capture commands out on one connection. ``channel_of`` gives a live leg's channel name."""

    def __init__(
        self,
        config: AsteriskConfig,
        now: Callable[[], datetime],
        channel_of: Callable[[str], str | None],
        elsewhere: SpoolEyes | None = None,
    ) -> None:
        """``elsewhere``: who sees the spool, where it is on another machine."""
        self._config = config
        self._elsewhere = elsewhere
        self._now = now
        self._channel_of = channel_of
        self._timeout_s = config.command_timeout_ms / 1000
        self.running: dict[str, Running] = {}

    def take_over(
        self, captures: Iterable[f.CaptureSeen], ids: Mapping[str, str], *, unsure: Collection[str] = ()
    ) -> None:
        """What runs according to a snapshot; everything known before is void but for what was told something
        meanwhile."""
        known = {c: running for c, running in self.running.items() if c in unsure}
        seen = {c.capture_id: Running(c.leg_id, ids[c.capture_id]) for c in captures}
        self.running = {c: running for c, running in seen.items() if c not in unsure} | known

    def forget_leg(self, leg_id: str) -> None:
        """The leg hung up; its monitors ended with it."""
        self.running = {c: r for c, r in self.running.items() if r.leg_id != leg_id}

    async def execute(self, ami: AmiConnection, command: CaptureCommand) -> f.CaptureFact:
        """The command's result. Raises ConnectionLost; a time-out is a refusal."""
        try:
            match command:
                case OpenCapture():
                    return await self._open(ami, command)
                case CloseCapture():
                    return await self._close(ami, command)
                case MaskCapture():
                    return await self._mask(ami, command)
                case UnmaskCapture():
                    return await self._unmask(ami, command)
        except TimeoutError:
            return self._refusal(command, "no answer in time")
        except (UnsafeValue, ValueError) as error:
            return self._refusal(command, str(error))

    async def keep(self, ami: AmiConnection, command: KeepCapture) -> None:
        """Note that what was provisional is kept, so that whoever finds it without its row keeps it."""
        channel = self._channel_of(command.leg_id)
        if channel is not None:
            await self._set(ami, channel, kept_variable(command.capture_id), "1")

    async def ended_by_others(self, ami: AmiConnection, leg_id: str) -> list[f.CaptureClosed]:
        """After a MixMonitorStop that may not be ours: the captures that are no longer there."""
        here = [c for c, r in self.running.items() if r.leg_id == leg_id]
        if not here:
            return []
        listed = await self._listed(ami, leg_id)
        lost = [c for c in here if c not in listed and self.running.pop(c, None) is not None]
        return [f.CaptureClosed(c, self._now(), "stopped by somebody else") for c in lost]

    # ── the four commands ─────────────────────────────────────────────────────────────────

    async def _open(self, ami: AmiConnection, command: OpenCapture) -> f.CaptureFact:
        if command.kind is Kind.VIDEO:
            return self._refusal(command, "this switch cannot record video")
        channel = self._channel_of(command.leg_id)
        if channel is None:
            return self._refusal(command, GONE)
        file, options = _files(self._config.seen_by_switch, command)
        if not all(is_safe_file(part) for part in (file, *options.values()) if part):
            return self._refusal(command, "the path holds a character that MixMonitor would split it at")
        name = id_variable(command.capture_id)
        written = "".join(f"{letter}({path})" for letter, path in options.items())
        try:
            # In the same breath: Asterisk does them in order, and an answer in between would cost the
            # start of the recording.
            _, answer = await asyncio.gather(
                self._set(ami, channel, note_variable(command.capture_id), note_of(command, self._now())),
                ami.action(
                    "MixMonitor", self._timeout_s, Channel=channel, File=file, Options=f"i({name}){written}"
                ),
            )
        except TimeoutError:
            # It may start yet. Stop whatever there is, so that nothing runs that nobody knows of.
            await self._stop_unconfirmed(ami, command)
            raise
        at = self._now()
        if text(answer, "Response") != "Success":
            return self._refusal(command, text(answer, "Message") or "refused")
        monitor_id = text(answer, "MixMonitorID") or await variable(ami, channel, name, self._timeout_s)
        beside = sum(running.leg_id == command.leg_id for running in self.running.values())
        self.running[command.capture_id] = Running(command.leg_id, monitor_id)
        # For the dialplan, which ends it if the leg is called on while we are away.
        await self._set(ami, channel, f"{MONITOR}{1 + min(beside, 1)}", monitor_id)
        if await self._file_appears(command):
            return f.CaptureOpened(command.capture_id, at)
        await self._stop_unconfirmed(ami, command)
        where = self._config.spool / _first_file(command)
        return self._refusal(
            command,
            f"Asterisk reported success, but no file appeared at {where}: the spool must be the same "
            "folder for both and writable by Asterisk",
        )

    async def _close(self, ami: AmiConnection, command: CloseCapture) -> f.CaptureFact:
        channel = self._channel_of(command.leg_id)
        running = self.running.get(command.capture_id)
        if channel is None:
            self.running.pop(command.capture_id, None)
            return f.CaptureClosed(command.capture_id, self._now(), GONE)
        monitor_id = running.monitor_id if running else ""
        if not monitor_id:
            monitor_id = (await self._listed(ami, command.leg_id)).get(command.capture_id, "")
            if not monitor_id:
                return f.CaptureClosed(command.capture_id, self._now(), "was not running")
        answer = await ami.action("StopMixMonitor", self._timeout_s, Channel=channel, MixMonitorID=monitor_id)
        at = self._now()
        if text(answer, "Response") != "Success" and command.capture_id in await self._listed(
            ami, command.leg_id
        ):
            return self._refusal(command, text(answer, "Message") or "refused")
        self.running.pop(command.capture_id, None)
        return f.CaptureClosed(command.capture_id, at, "stopped")

    async def _mask(self, ami: AmiConnection, command: MaskCapture) -> f.CaptureFact:
        at = await self._mute(ami, command, "1")
        if at is None:
            return self._refusal(command, "the capture is not running any more")
        await self._note(ami, command, "1")
        return f.CaptureMasked(command.capture_id, at)

    async def _unmask(self, ami: AmiConnection, command: UnmaskCapture) -> f.CaptureFact:
        at = await self._mute(ami, command, "0")
        if at is None:
            return self._refusal(command, "the capture is not running any more")
        await self._note(ami, command, "0")
        return f.CaptureUnmasked(command.capture_id, at)

    # ── how they are checked ──────────────────────────────────────────────────────────────

    async def _mute(
        self, ami: AmiConnection, command: MaskCapture | UnmaskCapture, state: str
    ) -> datetime | None:
        """When the switch confirmed it; None if there is no such monitor."""
        channel = self._channel_of(command.leg_id)
        if channel is None:
            return None
        running = self.running.get(command.capture_id)
        monitor_id = running.monitor_id if running else ""
        if not monitor_id:
            monitor_id = (await self._listed(ami, command.leg_id)).get(command.capture_id, "")
            if not monitor_id:
                return None
            self.running[command.capture_id] = Running(command.leg_id, monitor_id)
        answer = await ami.action(
            "MixMonitorMute", self._timeout_s,
            Channel=channel, Direction="both", State=state, MixMonitorID=monitor_id,
        )  # fmt: skip
        at = self._now()
        if text(answer, "Response") != "Success":
            return None
        # A Mute without a monitor is a Success too: look whether ours is there.
        listed = await self._listed(ami, command.leg_id)
        return at if listed.get(command.capture_id) == monitor_id else None

    async def _note(self, ami: AmiConnection, command: MaskCapture | UnmaskCapture, value: str) -> None:
        """Leave the mask's state on the channel, where it outlives this process."""
        channel = self._channel_of(command.leg_id)
        if channel is not None:
            await self._set(ami, channel, mask_variable(command.capture_id), value)
            await self._set(ami, channel, PAUSED, value)

    async def _set(self, ami: AmiConnection, channel: str, variable: str, value: str) -> None:
        with contextlib.suppress(TimeoutError):
            await ami.action("Setvar", self._timeout_s, Channel=channel, Variable=variable, Value=value)

    async def _listed(self, ami: AmiConnection, leg_id: str) -> dict[str, str]:
        """capture id → monitor id of our captures on a leg's channel."""
        channel = self._channel_of(leg_id)
        if channel is None:
            return {}
        lines = await ami.command(f"mixmonitor list {channel}", self._timeout_s)
        return {m.capture_id: m.monitor_id for m in monitors(lines) if m.capture_id is not None}

    async def _file_appears(self, command: OpenCapture) -> bool:
        """Whether the file is on the disk in time; a leg that hangs up meanwhile needs none."""
        path = _first_file(command)
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + self._timeout_s, 0.001
        while not await self._exists(path):
            if loop.time() > deadline or self._channel_of(command.leg_id) is None:
                return await self._exists(path)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.05)
        return True

    async def _exists(self, path: str) -> bool:
        if self._elsewhere is None:
            return (self._config.spool / path).exists()
        try:
            return await self._elsewhere.written_at(path) is not None
        except OSError:
            return True  # nobody there can say: Asterisk has, and the room of that spool is watched

    async def _stop_unconfirmed(self, ami: AmiConnection, command: OpenCapture) -> None:
        running = self.running.pop(command.capture_id, None)
        channel = self._channel_of(command.leg_id)
        if channel is None:
            return
        try:
            monitor_id = running.monitor_id if running else ""
            monitor_id = monitor_id or (await self._listed(ami, command.leg_id)).get(command.capture_id, "")
            if monitor_id:
                await ami.action("StopMixMonitor", self._timeout_s, Channel=channel, MixMonitorID=monitor_id)
        except TimeoutError:
            log.warning(
                "capture.unconfirmed", capture=command.capture_id, reason="no answer to the stop either"
            )

    def _refusal(self, command: CaptureCommand, reason: str) -> f.CaptureFact:
        kinds: dict[type[CaptureCommand], type[f.CaptureRefused | f.CaptureCloseRefused | f.CaptureMaskRefused
                                               | f.CaptureUnmaskRefused]] = {
            OpenCapture: f.CaptureRefused,
            CloseCapture: f.CaptureCloseRefused,
            MaskCapture: f.CaptureMaskRefused,
            UnmaskCapture: f.CaptureUnmaskRefused,
        }  # fmt: skip
        return kinds[type(command)](command.capture_id, self._now(), reason[:300])


def _files(spool: PurePath, command: OpenCapture) -> tuple[str, dict[str, str]]:
    """The file that both sides are mixed into ("" for none), and MixMonitor's options for one side
    each: r for what the leg says, t for what it hears. The two are in step from the start."""
    mix = str(spool / command.path)
    rx, tx = (str(spool / side) for side in side_paths(command.path))
    if command.layout is Layout.MONO:
        return ("", {"r": mix}) if command.own_voice_only else (mix, {})
    return ("", {"r": rx}) if command.own_voice_only else (mix, {"r": rx, "t": tx})


def _first_file(command: OpenCapture) -> str:
    """The file by which one sees that Asterisk writes."""
    if command.own_voice_only and command.layout is not Layout.MONO:
        return side_paths(command.path)[0]
    return command.path
