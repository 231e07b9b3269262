"""Whether a recording holds what it must and nothing that it must not: judged by its sound alone.

Times are laid over the recording by what the phones said and when: the first word that is found in
the file tells when the file began. No clock and no word of the switch or the catalog is trusted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np

from . import listen
from .calls import Transfer, Way
from .phone.sound import RATE, Samples
from .scenario import AskedPause, PlayedCall
from .speech import speech

#: From the request's last packet to silence, and to sound again. Benchmarks measure this in single
#: milliseconds; here two cores may be carrying the switch, the controller, six calls and a browser.
#: The card number begins 420 ms after the code's last digit, so what is later than this does harm.
LATE_MS = 300

#: What was said shortly before the request may be masked with it: it was under way, in the jitter
#: buffers (40 ms) and in a packet of 20 ms; as much again for the two sides' buffers that differ.
EARLY_MS = 120

#: After a transfer has left outside parties only, so much may still be in the file: less than a
#: syllable (150 ms), more than the switch takes to carry a stop out.
EXTERNAL_MS = 100

#: Silence that the switch itself may have written: before the first packet came, and at the end
#: when one side has gone.
START_MS = 700
END_MS = 400

#: A hold begins and ends with a re-INVITE, which both sides have to carry out.
HOLD_MS = 700

#: Digits replace speech: *48 takes 480 ms, so what is said in that time is not looked for.
DIALLING_MS = 700

#: A recording that is shorter than the conversation by more than this has lost some of it.
SHORT_MS = 600

#: Words are looked for in pieces of so long, this far from where they belong. One piece holds two
#: or three digits; a buffer may give or take a packet at any silence.
PIECE_MS = 500
AROUND_MS = 300

#: Where a word may be anywhere, longer pieces are looked for (each begins in the middle of the one
#: before) and have to fit better: a synthetic voice resembles itself. Pieces of one second of other
#: sentences fit the card number by 0.5 at most; a real one fits by 0.8 and more.
SEARCH_MS = 1000
SURE = 0.7

#: So many found pieces of each voice tell when the recording began.
VOTES = 6

#: So much of what somebody said may not be found: a packet that slips inside a piece spoils it. One
#: piece may always be spoiled, if another is found.
SPOILED = 0.3


@dataclass(frozen=True, slots=True)
class FoundPause:
    """One pause. ``asked_*`` and ``found_*`` in ms on the recording's time line; None: not found."""

    way: Way
    by: str
    asked_at: datetime
    resumed_at: datetime | None
    asked_from_ms: int
    asked_to_ms: int
    found_from_ms: int | None
    found_to_ms: int | None

    @property
    def late_ms(self) -> int | None:
        """From the request to the first silent sample; a little below 0: see EARLY_MS."""
        return None if self.found_from_ms is None else self.found_from_ms - self.asked_from_ms


@dataclass(slots=True)
class Verdict:
    """``began_at``: when its first sample was spoken; None if no known word is in it."""

    duration_ms: int = 0
    began_at: datetime | None = None
    pauses: list[FoundPause] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def judge(path: Path, played: PlayedCall) -> Verdict:
    """Listen to the recording of a call that was played. Never raises for what is in the file."""
    try:
        wav = listen.read_wav(path)
    except (listen.NotAWav, OSError) as error:
        return Verdict(problems=[f"the recording cannot be read: {error}"])
    verdict = Verdict(wav.duration_ms)
    sound = wav.mono()
    if wav.rate != RATE:
        verdict.problems.append(f"the recording has {wav.rate} samples a second instead of {RATE}")
        return verdict
    verdict.began_at = _beginning(sound, played)
    if verdict.began_at is None:
        verdict.problems.append("nobody's words are in the recording")
        return verdict
    line = _Line(verdict.began_at, wav.duration_ms)
    masks = listen.silent_spans(wav.samples, wav.rate, listen.MASK_MIN_MS)
    verdict.problems += _pauses(verdict, line, masks, played)
    verdict.problems += _other_silence(line, masks, played)
    verdict.problems += _words(sound, line, played)
    if played.pauses and (at := _card_number(sound)) is not None:
        verdict.problems.append(f"the card number can be heard at {_clock(at)}")
    verdict.problems += _ends(wav.samples, line, played)
    return verdict


@dataclass(frozen=True, slots=True)
class _Line:
    """A recording's time line."""

    began_at: datetime
    duration_ms: int

    def ms(self, at: datetime) -> int:
        return round((at - self.began_at) / timedelta(milliseconds=1))


# ── where it began ────────────────────────────────────────────────────────────────────────


def _beginning(sound: Samples, played: PlayedCall) -> datetime | None:
    """The median over the first words that are found; each votes for a beginning."""
    votes: list[float] = []
    for voice in played.voices.values():
        mine: list[float] = []
        for start, piece in _pieces(voice.speaker, SEARCH_MS):
            at, score = listen.locate(sound, piece)
            if score >= SURE:
                mine.append(voice.since.timestamp() + (start - at) / RATE)
            if len(mine) == VOTES:
                break
        votes += mine
    if not votes or played.answered_at is None:
        return None
    return datetime.fromtimestamp(median(votes), played.answered_at.tzinfo)


def _pieces(
    speaker: str, length_ms: int, mark: str | None = None, step_ms: int = PIECE_MS
) -> Iterator[tuple[int, Samples]]:
    """(first sample, sound) of the pieces in which this speaker really speaks; of one turn, or all."""
    track, length, step = speech.load(speaker), length_ms * RATE // 1000, step_ms * RATE // 1000
    for turn in speech.turns():
        if turn.speaker != speaker or (mark is not None and turn.mark != mark):
            continue
        for start in range(turn.from_ms * RATE // 1000, turn.to_ms * RATE // 1000 - length, step):
            piece = track[start : start + length]
            if np.sqrt((piece.astype(np.float64) ** 2).mean()) > 2 * listen.SPEECH_RMS:
                yield start, piece


# ── pauses ────────────────────────────────────────────────────────────────────────────────


def _pauses(verdict: Verdict, line: _Line, masks: Sequence[listen.Span], played: PlayedCall) -> Iterator[str]:
    for asked in played.pauses:
        start, stop = _asked(line, asked)
        touching = [m for m in masks if m.from_ms < stop and m.to_ms > start]
        longest = max(touching, key=lambda m: m.duration_ms, default=None)
        found = FoundPause(
            asked.way, asked.by, asked.paused_at, asked.resumed_at, start, stop,
            longest.from_ms if longest else None, longest.to_ms if longest else None,
        )  # fmt: skip
        verdict.pauses.append(found)
        name = f"the pause by {asked.way}"
        if longest is None:
            yield f"{name} is not in the recording: sound from {_clock(start)} to {_clock(stop)}"
            continue
        if longest.from_ms > start + LATE_MS:
            yield f"{name} leaks: silent {longest.from_ms - start} ms after it was asked for"
        if longest.from_ms < start - EARLY_MS:
            yield f"{name} began {start - longest.from_ms} ms before it was asked for"
        if longest.to_ms < stop - EARLY_MS:
            yield f"{name} leaks: sound {stop - longest.to_ms} ms before it was to end"
        if longest.to_ms > stop + LATE_MS:
            yield f"{name} ended {longest.to_ms - stop} ms after it was to end"


def _asked(line: _Line, asked: AskedPause) -> tuple[int, int]:
    stop = line.duration_ms if asked.resumed_at is None else line.ms(asked.resumed_at)
    return line.ms(asked.paused_at), stop


def _other_silence(line: _Line, masks: Sequence[listen.Span], played: PlayedCall) -> Iterator[str]:
    """Silence that nobody asked for is lost sound."""
    allowed = [(0, START_MS), (line.duration_ms - END_MS, line.duration_ms)]
    allowed += [(line.ms(a) - HOLD_MS, line.ms(b) + HOLD_MS) for a, b in played.holds]
    for asked in played.pauses:
        start, stop = _asked(line, asked)
        allowed.append((start - EARLY_MS, stop + LATE_MS))
    for mask in masks:
        # A mask that begins too early or ends too late has been named above.
        if not any(mask.from_ms < b and mask.to_ms > a for a, b in allowed):
            yield f"silence that nobody asked for, {_clock(mask.from_ms)} to {_clock(mask.to_ms)}"


def _card_number(sound: Samples) -> int | None:
    """Where (ms) any piece of the card number is to be heard; None: nowhere."""
    for _, piece in _pieces(speech.CUSTOMER, SEARCH_MS, speech.CARD):
        at, score = listen.locate(sound, piece)
        if score >= SURE:
            return at * 1000 // RATE
    return None


# ── words ─────────────────────────────────────────────────────────────────────────────────


def _words(sound: Samples, line: _Line, played: PlayedCall) -> Iterator[str]:
    """Both parties have to be heard, each word where it belongs."""
    for number, voice in played.voices.items():
        said = heard = 0
        missing: list[int] = []
        for start, piece in _pieces(voice.speaker, PIECE_MS):
            at = line.ms(voice.since) + start * 1000 // RATE
            if not _expected(line, played, at, at + PIECE_MS):
                continue
            first = max(0, at - AROUND_MS) * RATE // 1000
            last = (at + PIECE_MS + AROUND_MS) * RATE // 1000
            _, score = listen.locate(sound[first:last], piece)
            said += 1
            heard += score >= listen.MATCH_MIN
            if score < listen.MATCH_MIN:
                missing.append(at)
        if said == 0:
            yield f"{number} said nothing that could be looked for"
        elif heard == 0 or said - heard > max(1, said * SPOILED):
            yield f"{number} is not to be heard as it spoke, from {_clock(missing[0])} on ({heard} of {said})"


def _expected(line: _Line, played: PlayedCall, start: int, stop: int) -> bool:
    """Whether this stretch of the time line lies in what has to be recorded."""
    if start < 0 or stop > _end(line, played) - END_MS:
        return False
    forbidden = []
    for asked in played.pauses:
        begin, end = _asked(line, asked)
        # Of the code that resumes, the digits come before `resumed_at`.
        forbidden.append((begin - DIALLING_MS, end + LATE_MS))
    forbidden += [(line.ms(a) - HOLD_MS, line.ms(b) + HOLD_MS) for a, b in played.holds]
    return not any(start < b and stop > a for a, b in forbidden)


# ── the ends ──────────────────────────────────────────────────────────────────────────────


def _end(line: _Line, played: PlayedCall) -> int:
    """Until when it has to be recorded, ms: to the call's end, or to when nobody inside was left."""
    if any(isinstance(step, Transfer) for step in played.call.steps) and played.transferred_at is not None:
        return line.ms(played.transferred_at)
    return line.duration_ms if played.ended_at is None else line.ms(played.ended_at)


def _ends(samples: Samples, line: _Line, played: PlayedCall) -> Iterator[str]:
    if played.answered_at is not None and (late := -line.ms(played.answered_at)) < -START_MS:
        yield f"the recording began {-late} ms after the answer"
    if (short := _end(line, played) - line.duration_ms) > SHORT_MS:
        yield f"the recording ends {short} ms too early"
    if played.external_only_from is None:
        return
    limit = line.ms(played.external_only_from) + EXTERNAL_MS
    after = samples[..., max(0, limit) * RATE // 1000 :]
    if after.any():
        yield f"sound after {_clock(limit)}, when only outside parties were left"


def _clock(ms: int) -> str:
    return f"{ms // 60_000}:{ms % 60_000 / 1000:06.3f}"
