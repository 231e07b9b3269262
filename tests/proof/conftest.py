"""A catalog on both databases, recordings with real files in a store, and a key."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.catalog import SqlCatalog
from controller.core.calls import Call
from controller.core.captures import CaptureState
from controller.core.media_kinds import Kind
from controller.core.recording import Pause, Recording, Segment, segment_path
from controller.core.requests import Means
from controller.engine.media_ports import FileRole, MediaState, StoredFile
from controller.engine.reading import AuditEntry, FileRow
from controller.media.integrity import digest
from controller.media.store import LocalStore
from controller.proof import signing
from controller.proof.sealer import Sealer
from tests.catalog.conftest import catalog, database, kind, postgres, server, url
from tests.media.doubles import voice, wav_bytes

__all__ = ["catalog", "database", "kind", "postgres", "server", "url"]

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
_seeds = itertools.count(1)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@dataclass
class World:
    """What a running controller has: a catalog, a store, a key, and somebody who seals."""

    catalog: SqlCatalog
    store: LocalStore
    key_file: Path
    clock: datetime = field(default_factory=lambda: datetime(2026, 11, 22, 21, 0, tzinfo=UTC))

    def now(self) -> datetime:
        self.clock += timedelta(milliseconds=1)
        return self.clock

    def keys(self) -> signing.Keyring:
        return signing.load(self.key_file)

    def sealer(self, step: Callable[[str], None] = lambda name: None) -> Sealer:
        return Sealer(self.catalog, self.keys, self.now, step=step)

    async def recording(
        self, recording_id: str, tenant: str = "acme.test", state: MediaState = MediaState.AVAILABLE
    ) -> None:
        """A recording that is over, with a pause, its files real and in the store."""
        path = segment_path(tenant, recording_id, 1, Kind.AUDIO, T0)
        segment = Segment(f"{recording_id}.1", 1, "leg", "bridge", path, Kind.AUDIO, at(0))
        segment.state, segment.opened_at, segment.closed_at = CaptureState.ENDED, at(0), at(1)
        pause = Pause(f"{recording_id}p", Kind.AUDIO, at(0.2), "101@" + tenant, Means.FEATURE_CODE)
        pause.masked_at, pause.ended_at, pause.unmasked_at = at(0.25), at(0.4), at(0.45)
        pause.ended_by, pause.ended_means = "101@" + tenant, Means.FEATURE_CODE
        recording = Recording(
            recording_id, f"c{recording_id}", tenant, Kind.AUDIO, "tenant.on", "recorded because …", at(0)
        )
        recording.ended_at, recording.segments, recording.pauses = at(1), [segment], [pause]
        call = Call(f"c{recording_id}", at(0), answered_at=at(0), ended_at=at(1), recordings=[recording])
        await self.catalog.save("fs", [call], {})
        if state is MediaState.AVAILABLE:
            for role, number, name in ((FileRole.SEGMENT, 1, path), (FileRole.RENDITION, 0, path + ".r.wav")):
                await self.add_file(recording_id, role, number, name)
        await self.catalog.set_media_state(recording_id, state, duration_ms=1000)

    async def add_file(self, recording_id: str, role: FileRole, number: int, key: str) -> None:
        file = self.store.path(key)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(wav_bytes(voice(800, seed=next(_seeds))))
        found = digest(file)
        await self.catalog.add_file(
            StoredFile(recording_id, role, number, key, "wav", found.size, found.sha256, 100, 1, 8000)
        )

    def read(self, file: FileRow) -> Iterator[bytes]:
        yield self.store.path(file.key).read_bytes()

    async def heard(self, recording_id: str, tenant: str = "acme.test", action: str = "listen") -> None:
        await self.catalog.audit(
            AuditEntry(self.now(), "ann", tenant, action, f"recording {recording_id}", "", "127.0.0.1")
        )

    async def sources(self, tenant: str = "acme.test") -> list[str]:
        return [row.source for row in await self.catalog.chain_after(tenant, 0, 10_000)]


@pytest.fixture
def world(catalog: SqlCatalog, tmp_path: Path) -> World:
    made = World(catalog, LocalStore(tmp_path / "store"), tmp_path / "keys/proof.key")
    catalog._now = made.now
    return made
