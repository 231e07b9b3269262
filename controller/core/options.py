"""What a tenant chooses besides the rules: codes, pauses, tones, channels, format, answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, TypeVar

from .errors import InvalidPolicy
from .feature_codes import DEFAULT_CODES, validated
from .formats import FormatChoice, format_of_number
from .media_kinds import OPERATIONS, Operation
from .rules import Mode, Setting

E = TypeVar("E", bound=StrEnum)


class PauseStyle(StrEnum):
    MASK = "mask"  # silence stands for the pause; the time line goes on
    CUT = "cut"  # the pause is left out of the recording


class GapStyle(StrEnum):
    """What becomes of the time in which nothing is captured: a hold, a transfer, a restart of the switch."""

    SILENCE = "silence"  # of the same length
    CUT = "cut"  # it is left out of the recording


class Alone(StrEnum):
    """What the switch does by itself, while the controller is away, with a call of which it cannot tell
    from what it was told beforehand whether it is to be recorded (see `standby`)."""

    LEAVE = "leave"  # it is not recorded: fail-closed
    RECORD = "record"  # it is, and the controller decides on its return: fail-open


class Channels(StrEnum):
    MONO = "mono"
    STEREO = "stereo"  # left: the party who called


class Hears(StrEnum):
    """Who gets an announcement."""

    NOBODY = "nobody"
    EXTERNAL = "external"
    EVERYBODY = "everybody"


class Answers(StrEnum):
    """Whether a MESSAGE request gets a MESSAGE with its result back."""

    NEVER = "never"
    ON_REQUEST = "on_request"  # {"reply": true} in its body
    ALWAYS = "always"


class Transcripts(StrEnum):
    """Whether what is said in recordings is written down, where the controller can."""

    OFF = "off"
    ON = "on"


class Redaction(StrEnum):
    """What becomes of runs of digits (card numbers) in transcripts, and in the sound."""

    OFF = "off"
    TEXT = "text"  # they are taken out of the text before it is stored
    AUDIO = "audio"  # and whoever is no administrator hears them beeped over


class SecondFactorFor(StrEnum):
    """Who of the tenant needs a second factor to sign in with a password."""

    NOBODY = "nobody"
    ADMINISTRATORS = "administrators"  # whoever administers, or reads the audit
    EVERYBODY = "everybody"


class ShareLinks(StrEnum):
    """Which links to recordings the tenant's people may make, and which are followed."""

    OFF = "off"
    PRIVATE = "private"  # for whoever is signed in
    PUBLIC = "public"  # for whoever has the link, too


#: A sound's name or path as both switches take it, without anything that their commands would read
#: as more than a name.
_SOUND = re.compile(r"(?!.*\.\.)[A-Za-z0-9_/][A-Za-z0-9_./-]{0,199}")


@dataclass(frozen=True, slots=True)
class NewUser:
    """The rule that a user gets who is first seen in a call or comes by an import."""

    audio: Setting = Setting.OFF
    video: Setting = Setting.OFF
    mode: Mode = Mode.ALWAYS_PAUSE


@dataclass(frozen=True, slots=True)
class TenantOptions:
    """Times in whole seconds, 0: never. Raises InvalidPolicy.

    ``longest_pause_s``: a pause that is longer ends by itself, with a warning on the bus.
    ``trash_days``: so long a deleted recording can be restored, 0: not at all.
    ``announcement``: a sound of the switch, played before recording starts and to whoever joins.
    ``sounds_in_recording``: it, the tones and the beep are mixed into the recording afterwards; else no sound
    of ours is in it (docs/decisions/0021).
    ``format``: of the whole recording, encoded after the call. ``keep_original``: what the switch
    wrote stays beside it; otherwise it goes once the encoded file was decoded again and compared.
    """

    codes: Mapping[str, Operation] = field(default_factory=lambda: dict(DEFAULT_CODES))
    pause_style: PauseStyle = PauseStyle.MASK
    longest_pause_s: int = 0
    pause_tone: bool = False
    beep_every_s: int = 0
    announcement: str = ""
    announce_to: Hears = Hears.NOBODY
    channels: Channels = Channels.MONO
    message_answers: Answers = Answers.ON_REQUEST
    new_user: NewUser = NewUser()
    trash_days: int = 30
    transcripts: Transcripts = Transcripts.OFF
    redact_digits: Redaction = Redaction.OFF
    format: FormatChoice = FormatChoice.SYSTEM
    keep_original: bool = True
    second_factor: SecondFactorFor = SecondFactorFor.NOBODY
    share_links: ShareLinks = ShareLinks.PRIVATE
    gap_style: GapStyle = GapStyle.SILENCE
    alone: Alone = Alone.LEAVE
    sounds_in_recording: bool = False

    def __post_init__(self) -> None:
        validated(self.codes)
        if not 0 <= self.longest_pause_s <= 86_400:
            raise InvalidPolicy("longest_pause_s is 0 (no limit) to 86400 seconds")
        if self.beep_every_s and not 5 <= self.beep_every_s <= 3600:
            raise InvalidPolicy("beep_every_s is 0 (no beep) or 5 to 3600 seconds")
        if not 0 <= self.trash_days <= 365:
            raise InvalidPolicy("trash_days is 0 (deleted at once) to 365 days")
        if self.announcement and not _SOUND.fullmatch(self.announcement):
            raise InvalidPolicy(
                "announcement is a sound's name or path: letters, digits, _ . / -, at most 200 of them"
            )
        if self.announce_to is not Hears.NOBODY and not self.announcement:
            raise InvalidPolicy("announce_to needs an announcement")
        if self.redact_digits is not Redaction.OFF and self.transcripts is Transcripts.OFF:
            raise InvalidPolicy("redact_digits needs transcripts: set transcripts to on")

    def as_mapping(self) -> dict[str, Any]:
        """Plain values for JSON; `options_from` is the inverse."""
        plain = asdict(self)
        plain["codes"] = {code: str(operation) for code, operation in self.codes.items()}
        return plain


DEFAULT_OPTIONS = TenantOptions()

#: Options that there were once, and what to do.
_GONE = {
    "announcement_in_file": "is no option any more: sounds_in_recording mixes announcements, tones and beeps "
    "into a recording afterwards; leave it out",
}

_ENUMS: dict[str, type[StrEnum]] = {
    "pause_style": PauseStyle,
    "gap_style": GapStyle,
    "alone": Alone,
    "channels": Channels,
    "format": FormatChoice,
    "announce_to": Hears,
    "message_answers": Answers,
    "transcripts": Transcripts,
    "redact_digits": Redaction,
    "second_factor": SecondFactorFor,
    "share_links": ShareLinks,
}


def options_from(given: Mapping[str, Any]) -> TenantOptions:
    """Options out of plain values; what is not named has its default.

    Raises InvalidPolicy, which names the key, for an unknown key and for a value that cannot be.
    """
    known = {f.name for f in fields(TenantOptions)}
    given = with_our_names(given)
    for key in given:
        if key in _GONE:
            raise InvalidPolicy(f"{key} {_GONE[key]}")
        if key not in known:
            raise InvalidPolicy(f"unknown option {str(key)[:40]!r}; there are {', '.join(sorted(known))}")
    values: dict[str, Any] = {key: _value(key, value) for key, value in given.items()}
    return TenantOptions(**values)


def with_our_names(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the reference product's ``recorder_file_format`` = 1, 2, 3 as ``format``.

    Raises InvalidPolicy for another number, and if both are given and differ.
    """
    ours = {key: value for key, value in given.items() if key != "recorder_file_format"}
    if "recorder_file_format" in given:
        named = str(format_of_number(given["recorder_file_format"]))
        if ours.setdefault("format", named) != named:
            raise InvalidPolicy("recorder_file_format: it says something else than format; give one of them")
    return ours


def _value(key: str, value: Any) -> Any:
    default = getattr(DEFAULT_OPTIONS, key)
    if key == "codes":
        return _codes(value)
    if key == "new_user":
        return _new_user(value)
    if key in _ENUMS:
        return choice(key, _ENUMS[key], value)
    if type(value) is not type(default):
        raise InvalidPolicy(f"{key}: want {_WORDS[type(default)]}, not {str(value)[:40]!r}")
    return value


_WORDS: dict[type, str] = {bool: "true or false", int: "a whole number", str: "a text"}


def choice(key: str, kind: type[E], value: Any) -> E:
    """The member of an enumeration. Raises InvalidPolicy, which names the key and the choices."""
    try:
        return kind(value)
    except ValueError:
        raise InvalidPolicy(f"{key}: want one of {', '.join(kind)}, not {str(value)[:40]!r}") from None


def _codes(value: Any) -> dict[str, Operation]:
    if not isinstance(value, Mapping):
        raise InvalidPolicy("codes: want a table of code = operation")
    for code, name in value.items():
        if name not in OPERATIONS:
            raise InvalidPolicy(
                f"codes.{str(code)[:10]}: {str(name)[:40]!r} is no operation; "
                f"there are {', '.join(OPERATIONS)}"
            )
    return validated({str(code): OPERATIONS[name] for code, name in value.items()})


def _new_user(value: Any) -> NewUser:
    if not isinstance(value, Mapping) or set(value) - {"audio", "video", "mode"}:
        raise InvalidPolicy("new_user: want audio, video and mode")
    return NewUser(
        choice("new_user.audio", Setting, value.get("audio", Setting.OFF)),
        choice("new_user.video", Setting, value.get("video", Setting.OFF)),
        choice("new_user.mode", Mode, value.get("mode", Mode.ALWAYS_PAUSE)),
    )
