"""What follows from a fact or a request: commands for the switch, rows for the catalog."""

from __future__ import annotations

from dataclasses import dataclass, field

from .calls import Call
from .commands import Announce, Command
from .recording import Recording


@dataclass(slots=True)
class Effects:
    """``commands`` in the order in which they must be sent, each with its call's id.

    ``changed`` holds every call that differs from what was last told, by id, an ended one too;
    ``merged`` maps the id of a call that no longer exists to the one that took it over.
    """

    commands: list[tuple[str, Command]] = field(default_factory=list)
    changed: dict[str, Call] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)

    def touch(self, call: Call) -> None:
        self.changed[call.call_id] = call

    def command(self, call: Call, command: Command) -> None:
        self.commands.append((call.call_id, command))
        self.touch(call)

    def announce(
        self, call: Call, recording: Recording | None, action: str, leg_id: str | None = None, **more: str
    ) -> None:
        """Say on the bus what became of a recording. Only ids and our own words go into it."""
        fields = {"Action": action, "Call-ID": call.call_id}
        if recording is not None:
            fields["Recording-ID"] = recording.recording_id
            fields["Kind"] = str(recording.kind)
            if leg_id is None and recording.segments:
                leg_id = recording.segments[-1].leg_id
        fields.update({k.replace("_", "-").title(): v for k, v in more.items()})
        self.command(call, Announce(leg_id, tuple(fields.items())))
