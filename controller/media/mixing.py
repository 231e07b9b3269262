"""Our own sounds mixed into a joined recording whose tenant wants them there, when they were heard."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from ..core.commands import Sound
from ..core.own_sounds import LONGEST_LEAD, lead_of
from ..core.timeline import Span, lasting
from ..core.tones import RATE, tone
from ..engine.media_ports import HeardSound
from . import samples, wav
from .errors import JoinError, UnreadableAudio
from .join import Joined
from .resample import Samples, resample

_SECOND = timedelta(seconds=1)
#: In the note of a rendition that lacks an announcement which its tenant wants in it.
NOT_MIXED_IN = "the announcement could not be mixed in: "


class SoundFiles:
    """Announcements by the names that the switches have for them. ``folders``: for each switch its own, as we
    see it; nothing outside of it is read, whatever a tenant calls its announcement."""

    def __init__(self, folders: Mapping[str, Path] | None = None) -> None:
        self._folders = folders or {}

    def announcement(self, switch: str, name: str) -> tuple[Samples, int]:
        """(samples of one channel, their rate). Raises UnreadableAudio, which says why not."""
        folder = self._folders.get(switch)
        if folder is None:
            raise UnreadableAudio(f"`sounds` of the switch {switch} is not set")
        path = (folder / (name if "." in name.rpartition("/")[2] else f"{name}.wav")).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            raise UnreadableAudio(f"{name[:80]} is not below `sounds` of the switch {switch}")
        try:
            info = wav.inspect(path)
            longest = int(LONGEST_LEAD.total_seconds()) * info.sample_rate
            if info.frames > longest:
                raise UnreadableAudio(f"{name[:80]} is longer than {LONGEST_LEAD.total_seconds():.0f} s")
            whole = samples.whole(path)
        except OSError as error:
            raise UnreadableAudio(f"{name[:80]} cannot be read: {error.strerror or error}") from error
        return whole.mean(axis=1).astype(np.int16), info.sample_rate


@dataclass(frozen=True, slots=True)
class _Clip:
    """``start`` in frames of the result; ``sound`` (n,) at its rate; ``channels`` on which it is heard."""

    start: int
    sound: Samples
    channels: tuple[int, ...]


def mix(
    joined: Joined, source: Path, target: Path, switch: str, heard: Sequence[HeardSound],
    without: Sequence[Span], files: SoundFiles,
) -> Joined:  # fmt: skip
    """Write what `join` has made, ``source``, into a new file with the sounds in it: over silence where a
    capture was silent or had not begun, over the talk where it ran. In what is left out they are left out.
    Announcements from before the first capture make the recording begin earlier (`lead_of`). Blocking,
    bounded memory. Raises UnreadableAudio, OSError."""
    origin, rate = joined.origin, joined.sample_rate
    if origin is None:
        raise JoinError("nobody knows when it was captured")
    lead = lead_of((h.played for h in heard), origin)
    zero, ahead = origin - lead, round(lead / _SECOND * rate)
    clips, notes = _clips(zero, joined, switch, heard, without, files)
    frames = ahead + joined.frames
    with target.open("xb") as file:
        file.write(wav.header(joined.channels, rate, 16, frames))
        for block in _mixed(_after(ahead, source, joined.channels), clips):
            file.write(block.astype("<i2", copy=False).tobytes())
        file.flush()
        os.fsync(file.fileno())
    note = "; ".join(n for n in (joined.note, *notes) if n)
    return replace(joined, frames=frames, origin=zero, note=note, placed=())


def _clips(
    zero: datetime, joined: Joined, switch: str, heard: Sequence[HeardSound],
    without: Sequence[Span], files: SoundFiles,
) -> tuple[list[_Clip], list[str]]:  # fmt: skip
    clips: list[_Clip] = []
    known: dict[tuple[Sound, str], Samples] = {}
    notes: dict[str, None] = {}
    busy: dict[tuple[Sound, str, int], int] = {}  # until when the same sound is on a channel already
    for one in sorted(heard, key=lambda h: h.played.at):
        played, what = one.played, (one.played.sound, one.played.file)
        try:
            if what not in known:
                known[what] = _sound(switch, one, files, joined.sample_rate)
        except UnreadableAudio as error:
            notes[f"{NOT_MIXED_IN}{error}"] = None
            continue
        whole = known[what]
        began = _began(one, len(whole) / joined.sample_rate)
        if began < zero or any(first <= began < last for first, last in without):
            continue
        until = min((first for first, _ in without if first > began), default=None)
        ends = [end for end in (until, played.until) if end is not None]
        start = round(lasting(zero, began, without) / _SECOND * joined.sample_rate)
        most = min((round((end - began) / _SECOND * joined.sample_rate) for end in ends), default=len(whole))
        sound = whole[: max(0, most)]
        # Parties on one channel who are told at the same time are told once there.
        free = tuple(c for c in _channels(one, joined) if busy.get((*what, c), 0) <= start)
        if free and len(sound):
            clips.append(_Clip(start, sound, free))
            busy |= {(*what, c): start + len(sound) for c in free}
    return clips, list(notes)


def _began(one: HeardSound, seconds: float) -> datetime:
    """The switch tells when an announcement is over more exactly than when it has begun to play it."""
    played = one.played
    if played.until is None:
        return played.at
    return max(played.at, played.until - timedelta(seconds=seconds))


def _channels(one: HeardSound, joined: Joined) -> tuple[int, ...]:
    """With two channels the one with the voice of whoever heard it; all, if that is not known."""
    if joined.channels == 2 and one.seats:
        return tuple(sorted(one.seats))
    return tuple(range(joined.channels))


def _sound(switch: str, one: HeardSound, files: SoundFiles, rate: int) -> Samples:
    if one.played.sound is Sound.ANNOUNCEMENT:
        found, its_rate = files.announcement(switch, one.played.file)
    else:
        found, its_rate = np.array(tone(one.played.sound), np.int16), RATE
    if its_rate == rate:
        return found
    blocks = list(resample(iter([found.reshape(-1, 1)]), len(found), its_rate, rate))
    return np.concatenate(blocks)[:, 0] if blocks else found


def _after(ahead: int, source: Path, channels: int) -> Iterator[Samples]:
    for start in range(0, ahead, 1 << 16):
        yield np.zeros((min(1 << 16, ahead - start), channels), np.int16)
    yield from samples.read(source, wav.inspect(source))


def _mixed(blocks: Iterator[Samples], clips: Sequence[_Clip]) -> Iterator[Samples]:
    at = 0
    for block in blocks:
        mine = [c for c in clips if c.start < at + len(block) and at < c.start + len(c.sound)]
        if mine:
            louder = block.astype(np.int32)
            for clip in mine:
                first, last = max(at, clip.start), min(at + len(block), clip.start + len(clip.sound))
                piece = clip.sound[first - clip.start : last - clip.start]
                for channel in clip.channels:
                    louder[first - at : last - at, channel] += piece
            block = np.clip(louder, -32768, 32767).astype(np.int16)
        yield block
        at += len(block)
