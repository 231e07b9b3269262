"""A spool, a store and a catalog for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.engine import crash_points
from controller.engine.media_ports import DueRecording
from controller.media.pipeline import MediaPipeline
from controller.media.spool import Patience
from controller.media.store import LocalStore

from .doubles import MemoryCatalog, write

#: The calls of these tests ended long ago, so only the looks at a file cost time.
BRIEF = Patience(settle_s=0.05, stable_s=0.02, appear_s=0.1, look_s=0.005)


@dataclass
class Bench:
    spool: Path
    store: LocalStore
    catalog: MemoryCatalog

    def pipeline(self, **options: Any) -> MediaPipeline:
        chosen: dict[str, Any] = {"patience": BRIEF} | options
        return MediaPipeline(
            self.catalog,
            {"fs": self.spool},
            self.store,
            lambda: datetime.now(UTC),
            **chosen,
        )

    def record(self, recording: DueRecording, *contents: bytes | None) -> DueRecording:
        """Put a recording into the catalog and the switch's files into the spool (None: no file)."""
        for segment, content in zip(recording.segments, contents, strict=True):
            if content is not None:
                write(self.spool / segment.path, content)
        self.catalog.add(recording)
        return recording

    def spooled(self) -> list[str]:
        return sorted(p.relative_to(self.spool).as_posix() for p in self.spool.rglob("*") if p.is_file())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "spool").mkdir()
    return Bench(tmp_path / "spool", LocalStore(tmp_path / "store"), MemoryCatalog())


@pytest.fixture
def at_crash_point() -> Iterator[Callable[[Callable[[str], None]], None]]:
    yield crash_points.arm
    crash_points.arm(None)


@pytest.fixture
def ffmpeg() -> str:
    found = shutil.which("ffmpeg")
    if found is None or shutil.which("ffprobe") is None:
        pytest.skip("ffmpeg and ffprobe ARE NOT INSTALLED: nothing about video is tested here")
    return found
