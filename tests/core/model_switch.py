"""A switch as simple as it can be: legs, bridges and captures that do what they are told, or refuse."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from controller.core import facts as f
from controller.core.commands import (
    CaptureCommand,
    CloseCapture,
    Command,
    KeepCapture,
    Layout,
    MaskCapture,
    OpenCapture,
    UnmaskCapture,
)
from controller.core.media_kinds import Kind
from controller.core.parties import Party


@dataclass
class ModelLeg:
    leg_id: str
    party: Party
    calling: bool
    origin: str | None = None
    aliases: tuple[str, ...] = ()
    address: str | None = None
    video: bool = False
    recordable: bool = True
    addressable: bool = True
    answered: bool = False
    held: bool = False
    bridge_id: str | None = None
    pipe: str = ""


@dataclass
class RunningCapture:
    leg_id: str
    path: str
    kind: Kind
    masked: bool = False
    own_voice_only: bool = False
    layout: Layout = Layout.MONO
    provisional: bool = False
    opened_at: datetime | None = None


VERBS = {OpenCapture: "open", CloseCapture: "close", MaskCapture: "mask", UnmaskCapture: "unmask"}


@dataclass
class ModelSwitch:
    """``refusing`` holds the verbs that it will not do; ``hold_stops_capture``: as on FreeSWITCH."""

    legs: dict[str, ModelLeg] = field(default_factory=dict)
    captures: dict[str, RunningCapture] = field(default_factory=dict)
    refusing: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    hold_stops_capture: bool = False
    booted_at: datetime | None = None

    def die(self, at: datetime) -> None:
        """Killed, and started again at this moment."""
        self.legs, self.captures, self.booted_at = {}, {}, at

    def hang_up(self, leg_id: str) -> None:
        del self.legs[leg_id]
        self.captures = {i: c for i, c in self.captures.items() if c.leg_id != leg_id}

    def bridges(self) -> dict[str, list[ModelLeg]]:
        found: dict[str, list[ModelLeg]] = {}
        for leg in self.legs.values():
            if leg.bridge_id is not None:
                found.setdefault(leg.bridge_id, []).append(leg)
        return found

    def execute(self, command: Command, at: datetime) -> f.CaptureFact | None:
        if isinstance(command, KeepCapture) and command.capture_id in self.captures:
            self.captures[command.capture_id].provisional = False
        if not isinstance(command, CaptureCommand):
            return None
        verb, capture_id = VERBS[type(command)], command.capture_id
        running = self.captures.get(capture_id)
        refuse = verb in self.refusing
        match command:
            case OpenCapture():
                assert command.path not in self.paths, f"{command.path} is opened twice"
                self.paths.add(command.path)
                if refuse or command.leg_id not in self.legs:
                    return f.CaptureRefused(capture_id, at, "refused")
                assert self.legs[command.leg_id].recordable, "a half-leg was captured"
                assert self.legs[command.leg_id].addressable, "a leg was captured that no command can name"
                self.captures[capture_id] = RunningCapture(
                    command.leg_id,
                    command.path,
                    command.kind,
                    own_voice_only=command.own_voice_only,
                    layout=command.layout,
                    provisional=command.provisional,
                    opened_at=at,
                )
                return f.CaptureOpened(capture_id, at)
            case CloseCapture():
                if running is not None and refuse:
                    return f.CaptureCloseRefused(capture_id, at, "refused")
                self.captures.pop(capture_id, None)
                return f.CaptureClosed(capture_id, at, "told")
            case MaskCapture():
                if running is None or refuse:
                    return f.CaptureMaskRefused(capture_id, at, "refused")
                running.masked = True
                return f.CaptureMasked(capture_id, at)
            case UnmaskCapture():
                if running is None or refuse:
                    return f.CaptureUnmaskRefused(capture_id, at, "refused")
                running.masked = False
                return f.CaptureUnmasked(capture_id, at)

    def snapshot(self, at: datetime, *, masks_readable: bool = True) -> f.SwitchSnapshot:
        return f.SwitchSnapshot(
            at,
            {leg_id: self._present(leg, at) for leg_id, leg in self.legs.items()},
            tuple(
                f.CaptureSeen(
                    i,
                    c.leg_id,
                    c.path,
                    c.masked if masks_readable else None,
                    c.opened_at and f.CaptureNote(c.opened_at, c.own_voice_only, c.layout, c.provisional),
                )
                for i, c in self.captures.items()
            ),
            booted_at=self.booted_at,
        )

    @staticmethod
    def _present(leg: ModelLeg, at: datetime) -> tuple[f.LegFact, ...]:
        started = f.LegStarted(
            leg.leg_id, at, leg.party, leg.calling, leg.origin, leg.aliases,
            address=leg.address, video=leg.video, recordable=leg.recordable, addressable=leg.addressable,
            pipe=leg.pipe,
        )  # fmt: skip
        facts: list[f.LegFact] = [started]
        if leg.answered:
            facts.append(f.LegAnswered(leg.leg_id, at))
        if leg.bridge_id is not None:
            facts.append(f.BridgeEntered(leg.leg_id, leg.bridge_id, at))
        if leg.held:
            facts.append(f.LegHeld(leg.leg_id, at))
        return tuple(facts)
