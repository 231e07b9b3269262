"""FreeSWITCH's words for our commands. Pure: a command in, the text for the event socket out.

Arguments of `api` are split on spaces and lines end commands, so whatever goes in is checked:
leg ids and paths by their alphabet, values of event headers by having no control characters.
"""

from __future__ import annotations

import re

from ...core.commands import Announce, BindFeatureCodes, Layout
from ...core.errors import TapelineError

#: What the controller listens to. Small on purpose: an unfiltered call is 300 KB of events.
SUBSCRIPTION = (
    "event json CHANNEL_CREATE CHANNEL_ANSWER CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_HOLD "
    "CHANNEL_UNHOLD CHANNEL_HANGUP_COMPLETE RECORD_STOP MEDIA_BUG_STOP RECV_MESSAGE RECV_INFO "
    "BACKGROUND_JOB HEARTBEAT "
    "CUSTOM tapeline::feature tapeline::request callcenter::info fifo::info conference::maintenance "
    "sofia::reinvite"
)

#: Of the modules' events, those that nobody here needs: a room tells of everybody who begins to talk.
_UNWANTED = {
    "Media-Bug-Function": "session_record",
    "SIP-Content-Type": "application/dtmf-relay application/dtmf application/media_control+xml",
    "Action": "start-talking stop-talking floor-change video-floor-change energy-level-member "
    "dtmf-member talk-report mute-member unmute-member play-file play-file-done",
    "CC-Action": "members-count agent-state-change agent-status-change agent-contact-change "
    "agent-offering bridge-agent-start bridge-agent-end bridge-agent-fail member-queue-end",
    "FIFO-Action": "pre-dial post-dial bridge-consumer-start bridge-consumer-stop bridge-caller-start "
    "bridge-caller-stop consumer_start consumer_stop consumer_pop caller_pop caller_outbound abort "
    "timeout channel-consumer-start channel-consumer-stop consumer_reserve",
}
#: The first lets everything through, because beside a filter there is only what one names.
FILTERS = (
    "filter Event-Name /[A-Z]/",
    *(f"filter {header} -{value}" for header, values in _UNWANTED.items() for value in values.split()),
)

#: The digit-binding realm of ours, and the channel variable that says that a leg is bound.
REALM = "tapeline"
BOUND = "tapeline_bound"

#: A channel variable with this prefix, one a capture, in which a mask outlives the controller.
MASK_VARIABLE = "tapeline_masked_"
#: Likewise what each capture is, and that it is kept.
NOTE_VARIABLE = "tapeline_capture_"
KEPT_VARIABLE = "tapeline_kept_"
#: For dialplan/freeswitch/alone.xml: the file of the leg's latest capture, and that it is silent.
RECORDED_INTO = "tapeline_recorded_into"
#: And whom the leg talked to then: of that conversation alone.xml ends no capture, even if it runs late, or
#: before we have said that we are there again.
RECORDED_WITH = "tapeline_recorded_with"
PAUSED = "tapeline_paused"

#: With `inbound-use-callid-as-uuid` a channel's UUID is what its caller wrote into Call-ID, and by
#: `origination_uuid` what a script did. Of the characters that a Call-ID may have (RFC 3261, 25.1) those
#: are left out that some command of FreeSWITCH may read as syntax: quotes, backslash, backtick, %, braces.
#: 256 is FreeSWITCH's own limit (SWITCH_UUID_FORMATTED_LENGTH).
_UUID = re.compile(r"[A-Za-z0-9_.@:+*~!?()<>/\[\]-]{1,256}")
_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_PATH = re.compile(r"[A-Za-z0-9_./=-]{1,1024}")
_SOUND = re.compile(r"[A-Za-z0-9_./:=;%(),-]{1,300}")
_QUEUE = re.compile(r"[A-Za-z0-9_.@-]{1,128}")
_CODE = re.compile(r"[*#][0-9]{1,6}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")


class UnsafeArgument(TapelineError, ValueError):
    """Something that must be plain is not; it is not sent."""


def speakable(leg_id: str) -> bool:
    """Whether commands may name this leg. One that they may not is seen in events, never told anything."""
    return _UUID.fullmatch(leg_id) is not None


def leg(leg_id: str) -> str:
    if not speakable(leg_id):
        raise UnsafeArgument(f"leg id {leg_id[:60]!r}")
    return leg_id


def path(text: str) -> str:
    if not _PATH.fullmatch(text) or ".." in text.split("/"):
        raise UnsafeArgument(f"path {text[:60]!r}")
    return text


def record(leg_id: str, verb: str, file: str) -> str:
    """``uuid_record``, for start, stop, mask and unmask; the path is the capture's handle."""
    return f"uuid_record {leg(leg_id)} {verb} {path(file)}"


#: A capture's channels. What the leg says is on the left by itself; swapping changes the sides.
_STEREO = {
    Layout.MONO: "RECORD_STEREO=false;RECORD_STEREO_SWAP=false",
    Layout.OWN_LEFT: "RECORD_STEREO=true;RECORD_STEREO_SWAP=false",
    Layout.OWN_RIGHT: "RECORD_STEREO=false;RECORD_STEREO_SWAP=true",
}


def prepare_record(leg_id: str, *, own_voice_only: bool, layout: Layout = Layout.MONO) -> str:
    """How captures that start on this leg from now on are made: whether they leave out what it hears, on
    which channel is what, that they write from the first frame on, and often. All of it each time, because
    the variables stay on the leg. By itself FreeSWITCH holds back the first 25 frames, and what ends within
    that half second leaves no file (switch_core_media_bug_read, 1.10.12).
    """
    settings = f"RECORD_READ_ONLY={'true' if own_voice_only else 'false'};RECORD_PRE_BUFFER_FRAMES=1"
    return f"uuid_setvar_multi {leg(leg_id)} {settings};{WRITE_BUFFER};{_STEREO[layout]}"


#: What FreeSWITCH gathers before it writes, in bytes: half a second of mono at 8 kHz, instead of the four
#: seconds (65,536) that a killed switch would take with it otherwise. Not less: its writer takes up to 8,192
#: (SWITCH_RECOMMENDED_BUFFER_SIZE) at once when it has been held up, and hands on one such block for each;
#: with smaller ones it would lag behind (recording_thread, switch_core_file_write, 1.10.12). A file with
#: video knows no such buffer.
WRITE_BUFFER = "enable_file_write_buffering=8192"


def displace(leg_id: str, verb: str, sound: str) -> str:
    """``uuid_displace``: mix a sound into what this leg hears. It must end by itself."""
    if not _SOUND.fullmatch(sound):
        raise UnsafeArgument(f"sound {sound[:60]!r}")
    return f"uuid_displace {leg(leg_id)} {verb} {sound}" + (" 0 m" if verb == "start" else "")


def prepare_video(leg_id: str, *, own_voice_only: bool) -> str:
    """What a video capture needs besides. Both cameras go side by side into one picture, the leg's own to
    the left; by itself FreeSWITCH records the leg's own camera only.
    """
    picture = f"record_concat_video={'false' if own_voice_only else 'true'}"
    return f"uuid_setvar_multi {leg(leg_id)} {picture};{_KEY_FRAMES}"


#: A file begins with the first key frame, and nothing before it is kept, no sound either. FreeSWITCH asks
#: a phone for one by SIP INFO (RFC 5168) only with this; its RTCP feedback waits for a regular report,
#: which in a call's first 16 s comes every 4 s (check_rtcp_and_ice, 1.10.12).
_KEY_FRAMES = "sofia_send_info_vid_refresh=true"


def let_ask_for_key_frames(leg_id: str) -> str:
    return f"uuid_setvar_multi {leg(leg_id)} {_KEY_FRAMES}"


def refresh_video(leg_id: str) -> str:
    """Have the leg's phone send a key frame."""
    return f"uuid_video_refresh {leg(leg_id)}"


#: Which way a leg's video goes, and its codec. Two questions: `eval uuid:…` would answer both, but writes
#: the id into 80 bytes unchecked (mod_commands.c, 1.10.12), and a caller's longer Call-ID ends the switch.
VIDEO_VARIABLES = ("video_media_flow", "rtp_use_video_codec_name")


def mask_variable(capture_id: str) -> str:
    return MASK_VARIABLE + capture_id.replace(".", "_")


def note_variable(capture_id: str) -> str:
    """What the capture is, for whoever finds it without its row (see `switches.notes`)."""
    return NOTE_VARIABLE + capture_id.replace(".", "_")


def kept_variable(capture_id: str) -> str:
    """Set once somebody has started what was provisional."""
    return KEPT_VARIABLE + capture_id.replace(".", "_")


def note_capture(capture_id: str, note: str, file: str, partner: str = "") -> str:
    """For the end of `prepare_record`'s line: one command is one answer less to wait for. ``partner``: the
    leg that is talked to, if it is one and can be named."""
    if not _UUID.fullmatch(capture_id) or not _UUID.fullmatch(note):
        raise UnsafeArgument(f"note {note[:60]!r} of capture {capture_id[:60]!r}")
    whose = partner if speakable(partner) else ""
    return f"{note_variable(capture_id)}={note};{RECORDED_INTO}={path(file)};{RECORDED_WITH}={whose}"


def note_kept(leg_id: str, capture_id: str) -> str:
    if not _UUID.fullmatch(capture_id):
        raise UnsafeArgument(f"capture id {capture_id[:60]!r}")
    return f"uuid_setvar {leg(leg_id)} {kept_variable(capture_id)} true"


def note_mask(leg_id: str, capture_id: str, *, on: bool) -> str:
    """Set or remove the note that a capture is masked."""
    if not _ID.fullmatch(capture_id):
        raise UnsafeArgument(f"capture id {capture_id[:60]!r}")
    value = "true" if on else ""
    return f"uuid_setvar_multi {leg(leg_id)} {mask_variable(capture_id)}={value};{PAUSED}={value}"


def ask_variable(leg_id: str, variable: str) -> str:
    return f"uuid_getvar {leg(leg_id)} {variable}"


def note_queue(leg_id: str, variable: str, queue: str) -> str:
    """Leave on the channel which queue it came through."""
    if not _QUEUE.fullmatch(queue):
        raise UnsafeArgument(f"queue {queue[:60]!r}")
    return f"uuid_setvar {leg(leg_id)} {variable} {queue}"


def bind_codes(command: BindFeatureCodes) -> str:
    """The message that binds feature codes to a leg.

    Bound digits are swallowed: the far end hears none of them. Binding twice is harmless. Each code
    fires one CUSTOM event with the leg's headers. All is one message, because FreeSWITCH takes a
    bridge apart and puts it together again for each one (switch_ivr_bridge.c, 1.10.12), which costs
    some 100 ms of sound: an inline dialplan does all the steps at once. For the same reason the
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
    actions += [f"digit_action_set_realm:{REALM}", f"set:{BOUND}=true"]
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
