"""A segment that a switch wrote as up to three files: its mix, what the leg said, what it heard.

The segment in the store is the two sides merged into stereo, left the party who called. Its note
holds each original's SHA-256 and length. Merged to the bit, a side can be had again from its channel
and is not kept besides; nor is a mix that is shown to be the sum of both. Whatever is not wholly in
the merged file, to the bit, is kept beside it with a row of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..core.commands import Layout
from ..core.recording import side_paths
from ..engine.crash_points import crash_point
from ..engine.media_ports import FileRole, StoredFile
from . import wav
from .errors import StoreError, UnreadableAudio, store_error
from .integrity import digest
from .keys import mix_key, segment_key
from .pair import is_sum, merge
from .take import UNREADABLE, Job, Taken, Taker, cannot_read
from .wav import WavInfo

_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True, slots=True)
class _Original:
    """``info`` is None for a file that cannot be read."""

    role: FileRole
    path: Path
    sha256: str
    size: int
    info: WavInfo | None
    trouble: str = ""

    @property
    def empty(self) -> bool:
        return self.size == 0 or (self.info is not None and self.info.frames == 0)

    @property
    def sounds(self) -> bool:
        return self.info is not None and self.info.frames > 0

    @property
    def told(self) -> str:
        length = f"{self.info.frames} samples" if self.info else "unreadable"
        return f"{self.role} {length}, sha256 {self.sha256}"


def is_merged(file: StoredFile | None) -> bool:
    """Whether this row's file was made of the two sides: its note says of which."""
    return file is not None and _DIGEST.search(file.note) is not None


def belongs_to_sides(known: StoredFile | None, path: Path) -> bool:
    """Whether a main file, alone in the spool, is the mix of two sides that were merged already."""
    if known is None or is_merged(known):
        return known is not None
    try:
        return known.channels == 2 and wav.inspect(path).channels == 1
    except (UnreadableAudio, OSError):
        return False


def take_sides(taker: Taker, job: Job, mix: Path | None, rx: Path | None, tx: Path | None) -> Taken:
    """Put what there is into the store. Idempotent; raises MediaError. Blocking.

    A process that died while it removed the originals finds some of them again: the segment's row
    says that they are accounted for.
    """
    roles = ((FileRole.MIX, mix), (FileRole.RX, rx), (FileRole.TX, tx))
    found = [_original(role, path) for role, path in roles if path is not None]
    known = job.known
    if known is not None and taker.store.exists(job.key):
        accounted = {known.sha256, *_DIGEST.findall(known.note)}
        left = [o for o in found if o.sha256 not in accounted and not o.empty]
        if not left:
            return Taken(known)
        if is_merged(known) or (known.channels > 1 and not (rx and tx)):
            # Merged before this one was there. It is not merged again; it is kept as it is.
            return Taken(known, tuple(_keep(taker, job, o) for o in left))
        stored = _original(FileRole.MIX, taker.store.path(job.key))
        if mix is None and stored.sha256 == known.sha256:
            found.append(stored)  # the mix came first, alone, and is the segment so far
    found = [o for o in found if not o.empty]
    mixes = [o for o in found if o.role is FileRole.MIX]
    sides = [o for o in found if o.role is not FileRole.MIX and o.sounds]
    mixed = next((o for o in mixes if o.sounds), None)
    stereo = mixed is not None and mixed.info is not None and mixed.info.channels > 1
    if not sides or stereo or (mixed and job.segment.layout is Layout.MONO):
        return _mix_alone(taker, job, found, mixes)
    return _merged(taker, job, found, sides)


def _mix_alone(taker: Taker, job: Job, found: list[_Original], mixes: list[_Original]) -> Taken:
    """There is nothing to merge, or nobody wanted it: the mix is the segment."""
    if not mixes:
        if not found:
            return Taken(job.known, note=f"segment {job.segment.number}: the switch recorded nothing")
        mixes = found[:1]  # it cannot be read; it is kept and flagged as the segment itself
    extra = tuple(_keep(taker, job, o) for o in found if o not in mixes)
    if job.known is not None and mixes[0].path == taker.store.path(job.key):
        return Taken(job.known, extra)
    return Taken(taker.put_any(job, mixes[0].path), extra)


def _merged(taker: Taker, job: Job, found: list[_Original], sides: list[_Original]) -> Taken:
    by_role = {o.role: o for o in sides}
    order = [FileRole.RX, FileRole.TX]
    if job.segment.layout is Layout.OWN_RIGHT:
        order.reverse()
    left, right = (by_role.get(role) for role in order)
    temp = taker.store.scratch()
    try:
        result = merge(left.path if left else None, right.path if right else None, temp)
        crash_point("segment.merged")
        extra: list[StoredFile] = []
        for original in found:
            if original.role is FileRole.MIX:
                inside = original.sounds and is_sum(original.path, temp)
            else:
                inside = original.sounds and result.exact
            if not inside:
                extra.append(_keep(taker, job, original))
        kept = {file.role for file in extra}
        note = f"merged: {_told('left', left)}; {_told('right', right)}"
        for original in found:
            if original not in sides:
                what = "kept beside it" if original.role in kept else "the sum of both"
                note += f"; {original.told}, {what}"
        repaired = any(o.info is not None and not o.info.header_ok for o in sides)
        segment = taker.put(job, temp, "wav", info=wav.inspect(temp), repaired=repaired, note=note)
        return Taken(segment, tuple(extra))
    except OSError as error:
        raise store_error(f"cannot merge the two sides of {taker.store.path(job.key)}", error) from error
    finally:
        temp.unlink(missing_ok=True)


def _told(name: str, original: _Original | None) -> str:
    return f"{name} {original.told}" if original else f"{name} silent, no file"


def _original(role: FileRole, path: Path) -> _Original:
    try:
        known = digest(path)
        info, trouble = None, ""
        try:
            info = wav.inspect(path)
        except UnreadableAudio as error:
            trouble = str(error)
        return _Original(role, path, known.sha256, known.size, info, trouble)
    except OSError as error:
        raise cannot_read(path, error) from error


def _keep(taker: Taker, job: Job, original: _Original) -> StoredFile:
    """Put an original beside its segment, as the switch left it."""
    path, (rx, tx) = job.segment.path, side_paths(job.segment.path)
    key = {
        FileRole.MIX: mix_key(path),
        FileRole.RX: segment_key(rx),
        FileRole.TX: segment_key(tx),
    }[original.role]
    if taker.store.exists(key) and taker.store.path(key).stat().st_size > original.size:
        raise StoreError(f"{key}: the spool now holds less than was stored: compare the two by hand")
    stored = taker.store.put(original.path, key)
    info = original.info
    note = f"{UNREADABLE}{original.trouble}" if info is None else ""
    if info is not None and not info.header_ok:
        note = "as the switch left it: its header does not say its true length"
    return StoredFile(
        recording_id=job.recording.recording_id,
        role=original.role,
        number=job.segment.number,
        key=key,
        format="wav",
        size=stored.size,
        sha256=stored.sha256,
        duration_ms=info.duration_ms if info else 0,
        channels=info.channels if info else 0,
        sample_rate=info.sample_rate if info else 0,
        note=note,
    )
