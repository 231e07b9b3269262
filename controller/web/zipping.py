"""A ZIP of recordings, written as it is read: no recording is ever whole in memory, no size too much."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from ..core.errors import TapelineError
from ..engine.reading import Account, FileRow, RecordingDetail, Sound
from .audit_export import harmless
from .media_files import file_name
from .problems import Problem
from .redaction import heard_by
from .services import Services

_HEAD = ("file", "recording", "started_at", "duration_ms", "direction", "parties", "sha256")


def contents(path: Path) -> dict[str, str]:
    """recording → SHA-256 of its file, as the table in the ZIP says. Raises OSError, ValueError."""
    try:
        with zipfile.ZipFile(path) as made:
            rows = csv.DictReader(io.StringIO(made.read("recordings.csv").decode()))
            return {row["recording"]: row["sha256"] for row in rows}
    except (zipfile.BadZipFile, KeyError) as error:
        raise ValueError(f"{path.name} is no ZIP of recordings") from error


def forgetting(folder: Path) -> Callable[[str], None]:
    """For a recording's deletion: removes each ZIP that it is in. Raises OSError."""

    def forget(recording_id: str) -> None:
        if not folder.is_dir():
            return
        for path in folder.glob("*.zip"):
            try:
                inside = contents(path)
            except (FileNotFoundError, ValueError):
                inside = {recording_id: ""}  # what cannot be read may hold it
            if recording_id in inside:
                path.unlink(missing_ok=True)
        # What is being made may hold it already: its maker notices, and fails.
        for path in folder.glob("*.part"):
            path.unlink(missing_ok=True)

    return forget


async def still_heard(services: Services, me: Account, path: Path) -> list[Sound]:
    """What is in the ZIP, if whoever fetches it may still hear all of it, as it is in there.

    Raises Problem 409: a recording has been deleted, is out of reach, or has lost what must not be heard.
    """
    try:
        there = await asyncio.to_thread(contents, path)
    except (OSError, ValueError) as error:
        raise Problem(404, "This ZIP is not there any more; make it anew.") from error
    found = []
    for recording_id, sha256 in there.items():
        sound = await services.reader.sound_of(me.scope, recording_id)
        try:
            heard = None if sound is None else heard_by(sound, False, False)[0]
        except Problem:
            heard = None
        good = {heard.sha256} if heard else set()
        if sound and heard == sound.playable and sound.chosen:
            good.add(sound.chosen.sha256)
        if sound is None or sha256 not in good:
            raise Problem(409, "One of the recordings in it is not to be heard any more; make the ZIP anew.")
        found.append(sound)
    return found


class ZipMaker:
    """Sound is packed as it is (it does not get smaller), with a table of what is in it."""

    def __init__(self, path: Path, services: Services) -> None:
        self._path, self._services = path, services
        self._half = path.with_suffix(".part")
        self._rows: list[tuple[str, ...]] = []
        self.size = 0

    @property
    def count(self) -> int:
        return len(self._rows)

    def __enter__(self) -> Self:
        # For this user only from the first byte on.
        handle = os.open(self._half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = os.fdopen(handle, "wb")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED, allowZip64=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._file.close()
        self._half.unlink(missing_ok=True)

    async def add(self, detail: RecordingDetail, whole: bool) -> str:
        """Why it is not in it; "" if it is. ``whole``: the asker may hear what is hidden from others."""
        try:
            file, unredacted = heard_by(detail.sound, whole, False)
        except Problem as problem:
            return problem.detail
        if unredacted:
            return "numbers that were said are still to be taken out of it: it is downloaded by itself"
        if file == detail.playable and detail.chosen is not None:
            file = detail.chosen
        blocks = self._services.store.read(file)
        try:
            # What is missing is missed before anything is written.
            first = await asyncio.to_thread(next, blocks, b"")
        except (TapelineError, OSError):
            return "its file cannot be read now"
        await asyncio.to_thread(self._write, detail, file, first, blocks)
        return ""

    async def finish(self) -> None:
        await asyncio.to_thread(self._finish)

    def _write(self, detail: RecordingDetail, file: FileRow, first: bytes, blocks: Iterator[bytes]) -> None:
        row, name = detail.row, file_name(detail.sound, file)
        about = zipfile.ZipInfo(name, row.started_at.timetuple()[:6])
        with self._zip.open(about, "w", force_zip64=True) as out:
            out.write(first)
            for block in blocks:
                out.write(block)
        parties = " / ".join(" ".join(t for t in (p.name, p.number) if t) for p in row.parties)
        self._rows.append(
            (name, row.recording_id, row.started_at.isoformat(), str(file.duration_ms), str(row.direction),
             harmless(parties), file.sha256)
        )  # fmt: skip
        self.size = self._file.tell()

    def _finish(self) -> None:
        table = io.StringIO(newline="")
        csv.writer(table).writerows([_HEAD, *self._rows])
        self._zip.writestr("recordings.csv", table.getvalue())
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        try:
            self._half.replace(self._path)
        except FileNotFoundError as error:
            raise Problem(409, "A recording was deleted while the ZIP was made; make it anew.") from error
