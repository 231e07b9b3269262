"""An in-memory MediaCatalog with the rules of the real one, and makers of audio."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from controller.core.media_kinds import Kind
from controller.core.recording import segment_path
from controller.engine.media_ports import (
    DueRecording,
    DueSegment,
    FileRole,
    MayDiscard,
    MediaState,
    StoredFile,
)
from controller.engine.shelving import SHREDDED, Amount, Lying, SealedAmount, shredded

T0 = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
_BEFORE = {
    MediaState.STORED: {MediaState.SPOOLED, MediaState.FAILED, MediaState.STORED},
    MediaState.AVAILABLE: {MediaState.SPOOLED, MediaState.STORED, MediaState.FAILED, MediaState.AVAILABLE},
    MediaState.EMPTY: {MediaState.SPOOLED, MediaState.FAILED, MediaState.EMPTY},
    MediaState.FAILED: {MediaState.SPOOLED, MediaState.STORED, MediaState.FAILED},
    MediaState.SPOOLED: {MediaState.SPOOLED},
    MediaState.DISCARDED: {MediaState.SPOOLED, MediaState.STORED, MediaState.FAILED, MediaState.DISCARDED},
}
FINAL = {MediaState.AVAILABLE, MediaState.EMPTY, MediaState.DISCARDED}


@dataclass
class MemoryCatalog:
    """With ``saved`` every change is on the disk when it returns, for tests that kill the process."""

    saved: Path | None = None
    recordings: dict[str, DueRecording] = field(default_factory=dict)
    states: dict[str, MediaState] = field(default_factory=dict)
    durations: dict[str, int] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    rows: dict[tuple[str, FileRole, int], StoredFile] = field(default_factory=dict)
    history: list[tuple[str, MediaState]] = field(default_factory=list)
    old_stores: dict[tuple[str, FileRole, int], str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=lambda: {"acme.example"})

    def add(self, recording: DueRecording, state: MediaState = MediaState.SPOOLED) -> None:
        self.recordings[recording.recording_id] = recording
        self.states[recording.recording_id] = state
        self._save()

    async def due(self, limit: int = 100) -> list[DueRecording]:
        found = [r for i, r in self.recordings.items() if self.states[i] not in FINAL]
        return sorted(found, key=lambda r: (r.ended_at, r.recording_id))[:limit]

    async def due_of(self, recording_ids: Collection[str]) -> list[DueRecording]:
        return [d for d in await self.due(1_000_000) if d.recording_id in recording_ids]

    async def add_file(self, file: StoredFile) -> None:
        place = (file.recording_id, file.role, file.number)
        before = self.rows.get(place)
        self.old_stores.pop(place, None)
        same = before is not None and before.sha256 == file.sha256
        if before is not None and same and (before.store != file.store or before.sealing):
            self.old_stores[place] = file.store
            file = replace(file, store=before.store, sealing=before.sealing)
        self.rows[place] = file
        self._save()

    async def files(self, recording_id: str) -> list[StoredFile]:
        return [f for k, f in sorted(self.rows.items()) if k[0] == recording_id]

    async def files_after(self, key: str, limit: int = 500) -> list[StoredFile]:
        return sorted((f for f in self.rows.values() if f.key > key), key=lambda f: f.key)[:limit]

    async def old_copies(self, after: str, limit: int) -> list[tuple[str, str]]:
        found = [(self.rows[place].key, store) for place, store in self.old_stores.items()]
        return sorted(one for one in found if one[0] > after)[:limit]

    async def known_keys(self, store: str, keys: Sequence[str]) -> set[str]:
        mine = {f.key for p, f in self.rows.items() if store in (f.store, self.old_stores.get(p))}
        return mine & set(keys)

    async def paths_of(self, capture_ids: Collection[str]) -> set[str]:
        return {s.path for r in self.recordings.values() for s in r.segments if s.capture_id in capture_ids}

    async def erased_among(self, ids: Sequence[str]) -> set[str]:
        return {i for i in ids if self.states.get(i) is MediaState.ERASED}

    async def forget_files(self, recording_id: str) -> None:
        self.rows = {k: f for k, f in self.rows.items() if k[0] != recording_id}
        self._save()

    async def may_discard(self, recording_id: str) -> MayDiscard:
        recording = self.recordings.get(recording_id)
        available = self.states.get(recording_id) is MediaState.AVAILABLE
        there = recording is not None and recording.discard and not available
        return MayDiscard.YES if there else MayDiscard.KEPT

    async def set_media_state(
        self, recording_id: str, state: MediaState, *, duration_ms: int = 0, error: str = ""
    ) -> MediaState:
        if self.states[recording_id] not in _BEFORE[state]:
            return state
        self.states[recording_id] = state
        self.errors[recording_id] = error
        self.history.append((recording_id, state))
        if duration_ms:
            self.durations[recording_id] = duration_ms
        self._save()
        return state

    async def reopen(self, recording_id: str, error: str) -> bool:
        if recording_id not in self.recordings:
            return False
        self.states[recording_id] = MediaState.SPOOLED
        self.errors[recording_id] = error
        self._save()
        return True

    async def known_paths(self, switch: str) -> set[str]:
        return {s.path for r in self.recordings.values() if r.switch == switch for s in r.segments}

    async def adopt(
        self,
        switch: str,
        tenant_folder: str,
        recording_id: str,
        kind: Kind,
        segments: Sequence[tuple[int, str, datetime, datetime]],
    ) -> bool:
        if tenant_folder not in self.folders:
            return False
        new = tuple(DueSegment(f"{recording_id}.{n}", n, p, b, e) for n, p, b, e in segments)
        there = self.recordings.get(recording_id)
        if there is not None:
            self.add(replace(there, segments=(*there.segments, *new)))
            return True
        began, ended = min(s[2] for s in segments), max(s[3] for s in segments)
        self.add(DueRecording(recording_id, recording_id, switch, tenant_folder, kind, began, ended, new))
        return True

    async def lying(
        self,
        store: str,
        after: str = "",
        limit: int = 500,
        *,
        tenants: Collection[str] | None = None,
        but: Collection[str] = (),
    ) -> list[Lying]:
        found = [
            Lying(self.recordings[f.recording_id].tenant, f)
            for place, f in self.rows.items()
            if f.store == store and f.key > after and place not in self.old_stores
            and self.states[f.recording_id] is MediaState.AVAILABLE
        ]  # fmt: skip
        mine = [x for x in found if (tenants is None or x.tenant in tenants) and x.tenant not in but]
        return sorted(mine, key=lambda x: x.file.key)[:limit]

    async def amount(
        self, store: str, *, tenants: Collection[str] | None = None, but: Collection[str] = ()
    ) -> Amount:
        found = await self.lying(store, limit=1_000_000, tenants=tenants, but=but)
        return Amount(len(found), sum(x.file.size for x in found))

    async def moved(self, file: StoredFile, to: str, sealing: str) -> bool:
        place = (file.recording_id, file.role, file.number)
        if self.rows.get(place) != file or self.states[file.recording_id] is not MediaState.AVAILABLE:
            return False
        self.rows[place] = replace(file, store=to, sealing=sealing)
        self.old_stores[place] = file.store
        self._save()
        return True

    async def left_behind(self, limit: int = 500) -> list[tuple[StoredFile, str]]:
        found = [(self.rows[place], old) for place, old in self.old_stores.items()]
        return [x for x in found if self.states[x[0].recording_id] is MediaState.AVAILABLE][:limit]

    async def copied(self, file: StoredFile, store: str) -> None:
        if file.store != store or file.sealing:
            self.old_stores[file.recording_id, file.role, file.number] = store
        self._save()

    async def tidied(self, file: StoredFile, old_store: str) -> None:
        self.old_stores.pop((file.recording_id, file.role, file.number), None)
        self._save()

    async def unsealed(
        self,
        after: str = "",
        limit: int = 500,
        *,
        tenants: Collection[str] | None = None,
        but: Collection[str] = (),
        recording_id: str | None = None,
        added_after: datetime | None = None,
        added_before: datetime | None = None,
    ) -> list[Lying]:
        stores = {f.store for f in self.rows.values()}
        found = [x for s in stores for x in await self.lying(s, after, 10**6, tenants=tenants, but=but)]
        mine = [x for x in found if not x.file.sealing and recording_id in (None, x.file.recording_id)]
        return sorted(mine, key=lambda x: x.file.key)[:limit]

    async def sealings(self, after: str = "", limit: int = 500) -> list[Lying]:
        found = [
            f
            for f in self.rows.values()
            if f.sealing and not f.sealing.startswith(SHREDDED) and f.key > after
        ]
        return [Lying(self.recordings[f.recording_id].tenant, f) for f in sorted(found, key=lambda f: f.key)][
            :limit
        ]

    async def rewrapped(self, file: StoredFile, sealing: str) -> bool:
        place = (file.recording_id, file.role, file.number)
        if self.rows.get(place) != file:
            return False
        self.rows[place] = replace(file, sealing=sealing)
        self._save()
        return True

    async def sealed_amounts(self) -> list[SealedAmount]:
        raise NotImplementedError

    async def shred(self, recording_id: str) -> int:
        sealed = [(k, f) for k, f in self.rows.items() if k[0] == recording_id and f.sealing]
        for place, file in sealed:
            self.rows[place] = replace(file, sealing=shredded(file.sealing))
        self._save()
        return len(sealed)

    def _save(self) -> None:
        if self.saved is not None:
            temp = self.saved.with_suffix(".new")
            temp.write_bytes(pickle.dumps(self))
            temp.replace(self.saved)


def due(
    recording_id: str, *spans: tuple[float, float], kind: Kind = Kind.AUDIO, switch: str = "fs"
) -> DueRecording:
    """A recording whose segments ran for these seconds after T0."""
    segments = tuple(
        DueSegment(
            f"{recording_id}.{n}",
            n,
            segment_path("acme.example", recording_id, n, kind, T0),
            T0 + timedelta(seconds=begin),
            T0 + timedelta(seconds=end),
        )
        for n, (begin, end) in enumerate(spans, 1)
    )
    ended = T0 + timedelta(seconds=max((e for _, e in spans), default=1.0))
    return DueRecording(recording_id, f"c{recording_id}", switch, "acme.example", kind, T0, ended, segments)


def voice(frames: int, channels: int = 1, seed: int = 1) -> np.ndarray:
    """Samples of which no two stretches are alike, never zero: a copy is told from any other."""
    noise = np.random.default_rng(seed).integers(1, 12_000, (frames, channels), dtype=np.int16)
    return noise * np.where(noise % 2, 1, -1).astype(np.int16)


def tone(frames: int, rate: int, hertz: float = 440.0, level: float = 10_000.0) -> np.ndarray:
    return np.rint(level * np.sin(2 * np.pi * hertz * np.arange(frames) / rate)).astype(np.int16)[:, None]


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) & 1)


def fmt(channels: int = 1, rate: int = 8000, bits: int = 16, tag: int = 1) -> bytes:
    block = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits))


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def wav_bytes(samples: np.ndarray, rate: int = 8000, *, closed: bool = True) -> bytes:
    """A plain file; not ``closed``: as a switch leaves it that is killed, with sizes of 0."""
    data = samples.astype("<i2").tobytes()
    if closed:
        return riff(fmt(samples.shape[1], rate), chunk(b"data", data))
    return riff(fmt(samples.shape[1], rate), chunk(b"data", data, size=0), size=36)


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
