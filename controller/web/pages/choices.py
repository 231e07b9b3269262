"""The settings' choices in people's words, for select boxes and lists."""

from __future__ import annotations

from ...core.direction import Direction
from ...core.formats import Format, FormatChoice, bytes_per_minute
from ...core.media_kinds import OPERATIONS, Kind
from ...core.options import (
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

SETTINGS = {
    Setting.INHERIT: "Not set here",
    Setting.OFF: "Off",
    Setting.ON: "On",
    Setting.REQUIRE: "On, and nobody may stop it",
    Setting.FORBID: "Never, whatever else says",
}

#: The same in a list's narrow column.
SETTINGS_SHORT = {
    Setting.INHERIT: "Not set",
    Setting.OFF: "Off",
    Setting.ON: "On",
    Setting.REQUIRE: "Required",
    Setting.FORBID: "Never",
}

MODES = {
    Mode.ALWAYS_PAUSE: "Always; the user may pause",
    Mode.ALWAYS: "Always; the user cannot pause",
    Mode.ON_DEMAND: "On demand: kept if started",
    Mode.ON_DEMAND_START: "On demand: from the start on",
    Mode.NEVER: "Never for the user's own sake",
}

MODES_SHORT = {
    Mode.ALWAYS_PAUSE: "always, pause",
    Mode.ALWAYS: "always",
    Mode.ON_DEMAND: "on demand",
    Mode.ON_DEMAND_START: "on demand, from start",
    Mode.NEVER: "never",
}

DIRECTIONS = {
    Direction.INBOUND: "Inbound",
    Direction.OUTBOUND: "Outbound",
    Direction.INTERNAL: "Internal",
    Direction.EXTERNAL: "Between external numbers",
}

SCOPES = {
    PolicyScope.SYSTEM: "System",
    PolicyScope.TENANT: "Tenant",
    PolicyScope.TRUNK: "Trunk",
    PolicyScope.INBOUND_RULE: "Inbound rule",
    PolicyScope.OUTBOUND_RULE: "Outbound rule",
    PolicyScope.QUEUE: "Queue",
    PolicyScope.RING_GROUP: "Ring group",
    PolicyScope.RECEPTIONIST: "Virtual receptionist",
    PolicyScope.USER: "User",
}

SAYINGS = {
    Saying.OFF: "off",
    Saying.NOT_SAMPLED: "on, but this call is not in the sample",
    Saying.NEVER: "never for its own sake",
    Saying.ON_DEMAND_START: "on demand, from the start",
    Saying.ON_DEMAND: "on demand",
    Saying.ON: "on",
    Saying.REQUIRE: "required",
    Saying.FORBID: "forbidden",
}

PAUSE_STYLES = {
    PauseStyle.MASK: "Silence of the same length",
    PauseStyle.CUT: "Left out of the recording",
}

GAP_STYLES = {
    GapStyle.SILENCE: "Silence of the same length",
    GapStyle.CUT: "Left out of the recording",
}

CHANNELS = {
    Channels.MONO: "Mono",
    Channels.STEREO: "Stereo: caller left, called right",
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
    return f"{FORMAT_NAMES[format]}, about {bytes_per_minute(format) / 1000:.0f} KB a minute"


def formats(system: Format) -> dict[FormatChoice, str]:
    words = {FormatChoice(str(format)): format_words(format) for format in Format}
    return {FormatChoice.SYSTEM: f"The system's: {format_words(system)}"} | words


HEARS = {
    Hears.NOBODY: "Nobody",
    Hears.EXTERNAL: "External parties",
    Hears.EVERYBODY: "Everybody in the call",
}

SECOND_FACTOR = {
    SecondFactorFor.NOBODY: "Nobody has to",
    SecondFactorFor.ADMINISTRATORS: "Administrators and compliance officers",
    SecondFactorFor.EVERYBODY: "Everybody",
}

SHARE_LINKS = {
    ShareLinks.OFF: "None",
    ShareLinks.PRIVATE: "For whoever is signed in",
    ShareLinks.PUBLIC: "Also public ones, for whoever has the link",
}

ANSWERS = {
    Answers.NEVER: "Never",
    Answers.ON_REQUEST: "When the request asks for it",
    Answers.ALWAYS: "Always",
}

TRANSCRIPTS = {Transcripts.OFF: "No", Transcripts.ON: "Yes"}

REDACTIONS = {
    Redaction.OFF: "Left as they are",
    Redaction.TEXT: "Taken out of the text",
    Redaction.AUDIO: "Taken out of text and sound",
}


def _operation(name: str) -> str:
    operation = OPERATIONS[name]
    what = "recording" if len(operation.kinds) == len(Kind) else f"{operation.kinds[0]} recording"
    return f"{operation.verb.capitalize()} {what}"


CODES = {name: _operation(name) for name in sorted(OPERATIONS, key=lambda n: (n.count("-"), n))}
