"""What one rule says about a call, made ready once: a decision only picks the strongest voice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .media_kinds import Kind
from .rules import EVERY_DIRECTION, Mode, PolicyRule, Setting, sample_point


class Saying(StrEnum):
    """What a rule comes to for one call: its setting, seen through the mode and the sample."""

    OFF = "off"
    NOT_SAMPLED = "not_sampled"
    NEVER = "never"
    ON_DEMAND_START = "on_demand_start"
    ON_DEMAND = "on_demand"
    ON = "on"
    REQUIRE = "require"
    FORBID = "forbid"


STRENGTH = {saying: n for n, saying in enumerate(Saying)}
_OF_MODE = {
    Mode.NEVER: Saying.NEVER,
    Mode.ALWAYS: Saying.ON,
    Mode.ALWAYS_PAUSE: Saying.ON,
    Mode.ON_DEMAND: Saying.ON_DEMAND,
    Mode.ON_DEMAND_START: Saying.ON_DEMAND_START,
}
_SETTINGS = {Setting.OFF: Saying.OFF, Setting.REQUIRE: Saying.REQUIRE, Setting.FORBID: Saying.FORBID}
_WORDS = {
    Saying.OFF: "has {} off",
    Saying.NOT_SAMPLED: "has {} on for a sample that this call is not in",
    Saying.NEVER: "is never recorded for its own sake",
    Saying.ON_DEMAND_START: "records {} from the moment of a start",
    Saying.ON_DEMAND: "records {} on demand",
    Saying.ON: "has {} on",
    Saying.REQUIRE: "requires {}",
    Saying.FORBID: "forbids {}",
}


@dataclass(frozen=True, slots=True)
class Voice:
    """What one rule says about one kind, made ready once, so that a decision only picks the strongest."""

    saying: Saying
    strength: int
    code: str
    words: str


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A rule and its voices; ``unsampled`` ones are for the calls that are not in its sample."""

    rule: PolicyRule
    audio: Voice | None
    video: Voice | None
    unsampled_audio: Voice | None
    unsampled_video: Voice | None
    everywhere: bool  # in every direction

    def voice_in_sample(self, kind: Kind) -> Voice | None:
        return self.audio if kind is Kind.AUDIO else self.video

    def voice(self, kind: Kind, call_id: str) -> Voice | None:
        said = self.voice_in_sample(kind)
        unsampled = self.unsampled_audio if kind is Kind.AUDIO else self.unsampled_video
        if unsampled is not None and sample_point(call_id, self.rule) >= self.rule.sample_percent:
            return unsampled
        return said


def entry_of(rule: PolicyRule) -> Entry:
    sampled = rule.sample_percent < 100
    return Entry(
        rule,
        _voice(rule, Kind.AUDIO, in_sample=True),
        _voice(rule, Kind.VIDEO, in_sample=True),
        _voice(rule, Kind.AUDIO, in_sample=False) if sampled else None,
        _voice(rule, Kind.VIDEO, in_sample=False) if sampled else None,
        rule.directions == EVERY_DIRECTION,
    )


def _voice(rule: PolicyRule, kind: Kind, *, in_sample: bool) -> Voice | None:
    setting = rule.of(kind)
    if setting is Setting.INHERIT:
        return None
    said = _OF_MODE[rule.mode] if setting is Setting.ON else _SETTINGS[setting]
    if setting is Setting.ON and not in_sample and said is not Saying.NEVER:
        said = Saying.NOT_SAMPLED
    words = f"{rule.subject} {_WORDS[said].format(kind)}"
    return Voice(said, STRENGTH[said], f"{rule.scope}.{said}", words)


def saying(rule: PolicyRule, kind: Kind, call_id: str) -> Saying | None:
    """What a rule comes to for a call that it is about; None if it says nothing."""
    voice = entry_of(rule).voice(kind, call_id)
    return voice.saying if voice else None
