"""What is sent to change settings. A member that is not known is refused by name."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...core.direction import Direction
from ...core.formats import FormatChoice
from ...core.media_kinds import OPERATIONS
from ...core.options import (
    DEFAULT_OPTIONS,
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
from ...core.rules import EVERY_DIRECTION, Mode, Setting

#: A tenant is a domain or a context, a user what the switch calls it: printable and not long.
TENANT = r"^[^\x00-\x20\x7f/@]{1,253}$"
USER = r"^[^\x00-\x20\x7f/@]{1,128}$"
#: Queues, groups and trunks have names with blanks and slashes too, but not at their ends.
NAME = r"^[^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]{0,198}[^\x00-\x20\x7f])?$"

Directions = Annotated[
    frozenset[Direction],
    Field(min_length=1, description="The calls that it is about, as the tenant sees them."),
]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]

_SAYS = "inherit (says nothing), off, on, require (nobody may stop it) or forbid"


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    def given(self) -> dict[str, Any]:
        """The members that were sent, as they are meant; the others stay as they are."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class RuleBody(Body):
    audio: Setting = Field(Setting.INHERIT, description=f"Record audio: {_SAYS}.")
    video: Setting = Field(Setting.INHERIT, description="Record video, of video calls; the same choices.")
    directions: Directions = EVERY_DIRECTION


class RouteRuleBody(RuleBody):
    sample_percent: Percent = Field(
        100, description="Of the calls that it would have on, so many; for queues only."
    )


class SystemBody(RuleBody):
    record_external: bool = Field(False, description="Record the call between external numbers.")


class UserBody(RuleBody):
    name: str = Field("", max_length=200, description="What to show.")
    audio: Setting = Field(Setting.INHERIT, description="Record Audio Calls.")
    video: Setting = Field(Setting.INHERIT, description="Record Video Calls.")
    mode: Mode = Field(Mode.ALWAYS_PAUSE, description="How, where the user's own setting is on.")
    sample_percent: Percent = Field(100, description="Of the user's calls, so many.")


class NewUserBody(Body):
    audio: Setting = Setting.OFF
    video: Setting = Setting.OFF
    mode: Mode = Mode.ALWAYS_PAUSE


class OptionsBody(Body):
    """Times in whole seconds."""

    codes: dict[str, str] = Field(
        default_factory=lambda: dict(DEFAULT_OPTIONS.as_mapping()["codes"]),
        description=f"Feature codes: * or # and 1 to 6 digits, none the beginning of another; all of them "
        f"at once. Operations: {', '.join(OPERATIONS)}.",
    )
    pause_style: PauseStyle = Field(PauseStyle.MASK, description="A pause is silence, or is left out.")
    gap_style: GapStyle = Field(
        GapStyle.SILENCE,
        description="A hold, a transfer or a restart of the switch, in which nothing is captured, is "
        "silence, or is left out.",
    )
    alone: Alone = Field(
        Alone.LEAVE,
        description="A call that begins while the controller is away and of which the switch cannot tell "
        "whether it is to be recorded: it is not (fail-closed), or it is, and the controller decides on its "
        "return (fail-open).",
    )
    longest_pause_s: int = Field(0, description="A longer pause ends by itself; 0: never. At most 86400.")
    pause_tone: bool = Field(False, description="The parties hear a tone at pause and resume.")
    beep_every_s: int = Field(0, description="The parties hear a beep so often; 0: never, else 5 to 3600.")
    announcement: str = Field("", description="A sound of the switch, played before recording starts.")
    announce_to: Hears = Field(Hears.NOBODY, description="Who hears the announcement.")
    sounds_in_recording: bool = Field(
        False,
        description="The announcement, the tones and the beep are mixed into recordings of audio after the "
        "call, when they were heard; nobody is recorded for it before they were told.",
    )
    channels: Channels = Field(Channels.MONO, description="Stereo: left is the party who called.")
    format: FormatChoice = Field(
        FormatChoice.SYSTEM,
        description="What a recording is encoded as after the call; `system` is `formats.default` of the "
        "configuration. Video is MP4.",
    )
    recorder_file_format: Literal[1, 2, 3] | None = Field(
        None,
        description="The reference product's name for `format`: 1 WAV, 2 AMR, 3 MP3. Never answered.",
        exclude_if=lambda value: value is None,
    )
    keep_original: bool = Field(
        True,
        description="The WAV stays beside the encoded file. If not, it goes once the encoded file was "
        "decoded again and compared with it.",
    )
    second_factor: SecondFactorFor = Field(
        SecondFactorFor.NOBODY, description="Who needs a second factor to sign in with a password."
    )
    share_links: ShareLinks = Field(
        ShareLinks.PRIVATE, description="Which links to recordings may be made and are followed."
    )
    message_answers: Answers = Field(
        Answers.ON_REQUEST, description="Whether a request by MESSAGE is answered by a MESSAGE."
    )
    new_user: NewUserBody = Field(
        default_factory=NewUserBody, description="The settings of users who are first seen in a call."
    )
    trash_days: int = Field(
        30, description="So many days a deleted recording can be restored; 0: not at all. At most 365."
    )
    transcripts: Transcripts = Field(Transcripts.OFF, description="Whether what is said is written down.")
    redact_digits: Redaction = Field(
        Redaction.OFF, description="Whether runs of digits are taken out of the text, or of the sound too."
    )

    def given(self) -> dict[str, Any]:
        """Plain values, as core.options reads them."""
        return self.model_dump(exclude_unset=True)


class TenantBody(RuleBody):
    audio: Setting = Field(Setting.INHERIT, description="Enable extension audio recording.")
    video: Setting = Field(Setting.INHERIT, description="Enable extension video recording.")
    options: OptionsBody = Field(default_factory=OptionsBody, description="What else the tenant chooses.")
