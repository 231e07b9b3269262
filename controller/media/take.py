"""One segment's files put into the store: mended, merged, hashed, copied, checked. All of it blocks."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ..core.media_kinds import Kind
from ..engine.crash_points import crash_point
from ..engine.media_ports import DueRecording, DueSegment, FileRole, StoredFile
from . import mp4, wav
from .errors import SpoolError, StoreError, UnreadableAudio, store_error
from .store import LocalStore

#: What the note of a file begins with that is kept but cannot be played or joined.
UNREADABLE = "unreadable: "
#: And that of one that can be played as far as it goes.
UNFINISHED = "the switch did not finish this file"


@dataclass(frozen=True, slots=True)
class Job:
    """``key`` is the segment's in the store, ``known`` its row from an earlier run."""

    recording: DueRecording
    segment: DueSegment
    key: str
    known: StoredFile | None


@dataclass(frozen=True, slots=True)
class Source:
    """A file in the spool, as it was before it was read."""

    path: str
    file: Path
    before: os.stat_result


@dataclass(frozen=True, slots=True)
class Taken:
    """``file`` is the segment's, None if there was no sound. ``extra`` files are put into the catalog
    before it, so that whoever finds its row finds theirs too."""

    file: StoredFile | None
    extra: tuple[StoredFile, ...] = ()
    note: str = ""
    sources: list[Source] = field(default_factory=list)


class Taker:
    def __init__(self, store: LocalStore) -> None:
        self.store = store

    def take(self, job: Job, path: Path) -> Taken:
        """A segment that is one file. Raises MediaError."""
        file = self.put_any(job, path)
        if file is not None:
            return Taken(file)
        note = "" if job.known else f"segment {job.segment.number}: the switch recorded nothing"
        return Taken(job.known, note=note)

    def put_any(self, job: Job, path: Path) -> StoredFile | None:
        """The file's row; None for a file without sound."""
        return self._video(job, path) if job.recording.kind is Kind.VIDEO else self._audio(job, path)

    def _audio(self, job: Job, path: Path) -> StoredFile | None:
        try:
            if path.stat().st_size == 0:
                return None
            info = wav.inspect(path)
        except UnreadableAudio as error:
            return self.put(job, path, "wav", note=f"{UNREADABLE}{error}")
        except OSError as error:
            raise cannot_read(path, error) from error
        if info.frames == 0:
            return None
        if info.header_ok:
            return self.put(job, path, "wav", info=info)
        # The mended copy is made beside the store: the spool's file stays as it is until that is safe.
        mended = self.store.scratch()
        try:
            wav.repair(path, mended)
            crash_point("segment.repaired")
            return self.put(job, mended, "wav", info=wav.inspect(mended), repaired=True)
        except OSError as error:
            raise store_error(f"cannot mend the header of {path}", error) from error
        finally:
            mended.unlink(missing_ok=True)

    def _video(self, job: Job, path: Path) -> StoredFile | None:
        try:
            if mp4.hollow(path):
                return None
            whole = mp4.complete(path)
        except OSError as error:
            raise cannot_read(path, error) from error
        probe, note = mp4.probe(path), ""
        if not whole:
            note = UNFINISHED
            if probe is None or not mp4.salvageable(path):
                probe, note = None, f"{UNREADABLE}{UNFINISHED} (it has no index)"
        if probe is None:
            opened = job.segment.opened_at or job.recording.started_at
            ended = job.segment.closed_at or job.recording.ended_at
            probe = mp4.Probe(max(0, round((ended - opened).total_seconds() * 1000)))
        return self.put(job, path, "mp4", video=probe, note=note)

    def put(
        self,
        job: Job,
        path: Path,
        suffix: str,
        *,
        info: wav.WavInfo | None = None,
        video: mp4.Probe | None = None,
        repaired: bool = False,
        note: str = "",
    ) -> StoredFile:
        """The segment's own file, under its own key."""
        if job.known and self.store.exists(job.key) and path.stat().st_size < job.known.size:
            raise StoreError(f"{job.key}: the spool now holds less than was stored: compare the two by hand")
        digest = self.store.put(path, job.key)
        lasts, sound = (info.duration_ms, info) if info else (video.lasts_ms if video else 0, video)
        return StoredFile(
            recording_id=job.recording.recording_id,
            role=FileRole.SEGMENT,
            number=job.segment.number,
            key=job.key,
            format=suffix,
            size=digest.size,
            sha256=digest.sha256,
            duration_ms=lasts,
            channels=sound.channels if sound else 0,
            sample_rate=sound.sample_rate if sound else 0,
            repaired=repaired,
            note=note or ("the header was repaired" if repaired else ""),
        )


def cannot_read(path: Path, error: OSError) -> SpoolError:
    return SpoolError(
        f"cannot read {path}: {error.strerror}: let the switch write its files readable for the controller"
    )
