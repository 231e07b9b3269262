"""FreeSWITCH's words for our commands. Pure: a command in, the text for the event socket out.

Arguments of `api` are split on spaces and lines end commands, so whatever goes in is checked:
leg ids and paths by their alphabet, values of event headers by having no control characters.
"""

from __future__ import annotations

import re

from ...core.commands import Announce, BindFeatureCodes
from ...core.errors import TapelineError

#: What the controller listens to. Small on purpose: an unfiltered call is 300 KB of events.
SUBSCRIPTION = (
    "event json CHANNEL_CREATE CHANNEL_ANSWER CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_HOLD "
    "CHANNEL_UNHOLD CHANNEL_HANGUP_COMPLETE RECORD_STOP RECV_MESSAGE BACKGROUND_JOB HEARTBEAT "
    "CUSTOM tapeline::feature tapeline::request"
)

#: The digit-binding realm of ours; it is set while a leg is bound.
REALM = "tapeline"

#: A channel variable with this prefix, one a capture, in which a mask outlives the controller.
MASK_VARIABLE = "tapeline_masked_"

_UUID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_PATH = re.compile(r"[A-Za-z0-9_./=-]{1,1024}")
_CODE = re.compile(r"[*#][0-9]{1,6}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")


class UnsafeArgument(TapelineError, ValueError):
    """Something that must be plain is not; it is not sent."""


def leg(leg_id: str) -> str:
    if not _UUID.fullmatch(leg_id):
        raise UnsafeArgument(f"leg id {leg_id[:60]!r}")
    return leg_id


def path(text: str) -> str:
    if not _PATH.fullmatch(text) or ".." in text.split("/"):
        raise UnsafeArgument(f"path {text[:60]!r}")
    return text


def record(leg_id: str, verb: str, file: str) -> str:
    """``uuid_record``, for start, stop, mask and unmask; the path is the capture's handle."""
    return f"uuid_record {leg(leg_id)} {verb} {path(file)}"


def prepare_record(leg_id: str, *, own_voice_only: bool) -> str:
    """How captures that start on this leg from now on are made: whether they leave out what it hears, and
    that they write from the first frame on. By itself FreeSWITCH holds back the first 25 frames, and what
    ends within that half second leaves no file (switch_core_media_bug_read, 1.10.12).
    """
    settings = f"RECORD_READ_ONLY={'true' if own_voice_only else 'false'};RECORD_PRE_BUFFER_FRAMES=1"
    return f"uuid_setvar_multi {leg(leg_id)} {settings}"


def mask_variable(capture_id: str) -> str:
    return MASK_VARIABLE + capture_id.replace(".", "_")


def note_mask(leg_id: str, capture_id: str, *, on: bool) -> str:
    """Set or remove the note that a capture is masked."""
    if not _UUID.fullmatch(capture_id):
        raise UnsafeArgument(f"capture id {capture_id[:60]!r}")
    return f"uuid_setvar {leg(leg_id)} {mask_variable(capture_id)} {'true' if on else ''}".rstrip()


def bind_codes(command: BindFeatureCodes) -> str:
    """The message that binds feature codes to a leg.

    Bound digits are swallowed: the far end hears none of them. Binding twice is harmless. Each code
    fires one CUSTOM event with the leg's headers. All is one message, because FreeSWITCH takes a
    bridge apart and puts it together again for each one (switch_ivr_bridge.c, 1.10.12), which costs
    some 100 ms of sound: an inline dialplan does the five steps at once. For the same reason the
    event is fired in place (``exec[i]``); a plain ``exec`` would break the bridge at each code dialled.
    """
    actions = []
    for code, operation in command.codes:
        if not _CODE.fullmatch(code):
            raise UnsafeArgument(f"code {code[:20]!r}")
        actions.append(
            f"bind_digit_action:{REALM},{code},exec[i]:event,Event-Name=CUSTOM\\,"
            f"Event-Subclass=tapeline::feature\\,Operation={operation}\\,Code={code},self,self"
        )
    actions.append(f"digit_action_set_realm:{REALM}")
    return (
        f"sendmsg {leg(command.leg_id)}\ncall-command: execute\nexecute-app-name: execute_extension\n"
        f"execute-app-arg: m:^:{'^'.join(actions)} inline"
    )


def announce(command: Announce) -> str:
    """A CUSTOM event ``tapeline::recording`` on the switch's own bus."""
    lines = ["sendevent CUSTOM", "Event-Subclass: tapeline::recording"]
    if command.leg_id is not None:
        # Not Unique-ID: an event sent with that of a live channel is handed to the channel alone.
        lines.append(f"Leg-Id: {leg(command.leg_id)}")
    lines += [f"{key}: {_plain(value)}" for key, value in command.fields]
    return "\n".join(lines)


def _plain(value: str) -> str:
    return _CONTROL.sub(" ", value)[:500] or "-"
