"""The settings' choices in people's words, for select boxes and lists."""

from __future__ import annotations

from ...core.direction import Direction
from ...core.formats import Format, FormatChoice, bytes_per_minute
from ...core.options import (
    Alone,
    Answers,
    Channels,
    GapStyle,
    Hears,
    PauseStyle,
    Redaction,
    SecondFactorFor,
    ShareLinks,
    Transcripts,
)
from ...core.rules import Mode, PolicyScope, Setting
from ...core.voices import Saying
from ..language import N_, _

SETTINGS = {
    Setting.INHERIT: N_("Not set here"),
    Setting.OFF: N_("Off"),
    Setting.ON: N_("On"),
    Setting.REQUIRE: N_("On, and nobody may stop it"),
    Setting.FORBID: N_("Never, whatever else says"),
}

#: The same in a list's narrow column.
SETTINGS_SHORT = {
    Setting.INHERIT: N_("Not set"),
    Setting.OFF: N_("Off"),
    Setting.ON: N_("On"),
    Setting.REQUIRE: N_("Required"),
    Setting.FORBID: N_("Never"),
}

MODES = {
    Mode.ALWAYS_PAUSE: N_("Always; the user may pause"),
    Mode.ALWAYS: N_("Always; the user cannot pause"),
    Mode.ON_DEMAND: N_("On demand: kept if started"),
    Mode.ON_DEMAND_START: N_("On demand: from the start on"),
    Mode.NEVER: N_("Never for the user's own sake"),
}

MODES_SHORT = {
    Mode.ALWAYS_PAUSE: N_("always, pause"),
    Mode.ALWAYS: N_("always"),
    Mode.ON_DEMAND: N_("on demand"),
    Mode.ON_DEMAND_START: N_("on demand, from start"),
    Mode.NEVER: N_("never"),
}

DIRECTIONS = {
    Direction.INBOUND: N_("Inbound"),
    Direction.OUTBOUND: N_("Outbound"),
    Direction.INTERNAL: N_("Internal"),
    Direction.EXTERNAL: N_("Between external numbers"),
}

SCOPES = {
    PolicyScope.SYSTEM: N_("System"),
    PolicyScope.TENANT: N_("Tenant"),
    PolicyScope.TRUNK: N_("Trunk"),
    PolicyScope.INBOUND_RULE: N_("Inbound rule"),
    PolicyScope.OUTBOUND_RULE: N_("Outbound rule"),
    PolicyScope.QUEUE: N_("Queue"),
    PolicyScope.RING_GROUP: N_("Ring group"),
    PolicyScope.RECEPTIONIST: N_("Virtual receptionist"),
    PolicyScope.USER: N_("User"),
}

#: The same of several: what a list of them is called.
SCOPES_MANY = {
    PolicyScope.SYSTEM: N_("Systems"),
    PolicyScope.TENANT: N_("Tenants"),
    PolicyScope.TRUNK: N_("Trunks"),
    PolicyScope.INBOUND_RULE: N_("Inbound rules"),
    PolicyScope.OUTBOUND_RULE: N_("Outbound rules"),
    PolicyScope.QUEUE: N_("Queues"),
    PolicyScope.RING_GROUP: N_("Ring groups"),
    PolicyScope.RECEPTIONIST: N_("Virtual receptionists"),
    PolicyScope.USER: N_("Users"),
}

SAYINGS = {
    Saying.OFF: N_("off"),
    Saying.NOT_SAMPLED: N_("on, but this call is not in the sample"),
    Saying.NEVER: N_("never for its own sake"),
    Saying.ON_DEMAND_START: N_("on demand, from the start"),
    Saying.ON_DEMAND: N_("on demand"),
    Saying.ON: N_("on"),
    Saying.REQUIRE: N_("required"),
    Saying.FORBID: N_("forbidden"),
}

PAUSE_STYLES = {
    PauseStyle.MASK: N_("Silence of the same length"),
    PauseStyle.CUT: N_("Left out of the recording"),
}

GAP_STYLES = {
    GapStyle.SILENCE: N_("Silence of the same length"),
    GapStyle.CUT: N_("Left out of the recording"),
}

ALONE = {
    Alone.LEAVE: N_("Not recorded"),
    Alone.RECORD: N_("Recorded; kept only if the rules say so on its return"),
}

CHANNELS = {
    Channels.MONO: N_("Mono"),
    Channels.STEREO: N_("Stereo: caller left, called right"),
}

FORMAT_NAMES = {
    Format.WAV: "WAV",
    Format.MP3: "MP3",
    Format.AMR: "AMR",
    Format.OPUS: "Opus",
    Format.FLAC: "FLAC",
}


def format_words(format: Format) -> str:
    """``MP3, about 240 KB a minute``: of mono from a telephone."""
    size = f"{bytes_per_minute(format) / 1000:.0f}"
    return _("%(format)s, about %(size)s KB a minute", format=FORMAT_NAMES[format], size=size)


def formats(system: Format) -> dict[FormatChoice, str]:
    words = {FormatChoice(str(format)): format_words(format) for format in Format}
    own = _("The system's: %(format)s", format=format_words(system))
    return {FormatChoice.SYSTEM: own} | words


HEARS = {
    Hears.NOBODY: N_("Nobody"),
    Hears.EXTERNAL: N_("External parties"),
    Hears.EVERYBODY: N_("Everybody in the call"),
}

SECOND_FACTOR = {
    SecondFactorFor.NOBODY: N_("Nobody has to"),
    SecondFactorFor.ADMINISTRATORS: N_("Administrators and compliance officers"),
    SecondFactorFor.EVERYBODY: N_("Everybody"),
}

SHARE_LINKS = {
    ShareLinks.OFF: N_("None"),
    ShareLinks.PRIVATE: N_("For whoever is signed in"),
    ShareLinks.PUBLIC: N_("Also public ones, for whoever has the link"),
}

ANSWERS = {
    Answers.NEVER: N_("Never"),
    Answers.ON_REQUEST: N_("When the request asks for it"),
    Answers.ALWAYS: N_("Always"),
}

TRANSCRIPTS = {Transcripts.OFF: N_("No"), Transcripts.ON: N_("Yes")}

REDACTIONS = {
    Redaction.OFF: N_("Left as they are"),
    Redaction.TEXT: N_("Taken out of the text"),
    Redaction.AUDIO: N_("Taken out of text and sound"),
}


CODES = {
    "pause-recording": N_("Pause recording"),
    "resume-recording": N_("Resume recording"),
    "start-recording": N_("Start recording"),
    "stop-recording": N_("Stop recording"),
    "pause-audio-recording": N_("Pause audio recording"),
    "pause-video-recording": N_("Pause video recording"),
    "resume-audio-recording": N_("Resume audio recording"),
    "resume-video-recording": N_("Resume video recording"),
    "start-audio-recording": N_("Start audio recording"),
    "start-video-recording": N_("Start video recording"),
    "stop-audio-recording": N_("Stop audio recording"),
    "stop-video-recording": N_("Stop video recording"),
}
