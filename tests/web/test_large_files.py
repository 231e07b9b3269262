"""A WAV of more than 4 GiB (RF64) is read, and any range of it is served. Its holes take no disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from controller.engine.media_ports import FileRole
from controller.media import wav
from controller.media.sound import sound_of
from tests.media.doubles import voice

from .world import World

FRAMES = (4 * 2**30 + 10**8) // 4


async def test_ranges_beyond_four_gigabytes(world: World, tmp_path: Path) -> None:
    recording = world.recordings["red"]
    row = next(f for f in await world.catalog.files(recording) if f.role is FileRole.RENDITION)
    path = world.store.path(row.key)
    end = voice(8000, 2).astype("<i2").tobytes()
    header = wav.header(2, 8000, 16, FRAMES)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + FRAMES * 4)
        file.seek(-len(end), 2)
        file.write(end)
    size = path.stat().st_size
    info = wav.inspect(path)
    assert (header[:4], info.header_ok, info.frames, info.duration_ms) == (b"RF64", True, FRAMES, FRAMES // 8)
    await world.catalog.add_file(replace(row, size=size, sha256="ab" * 32, duration_ms=FRAMES // 8))
    async with world.client("red-admin") as client:
        url = f"/api/v1/recordings/{recording}/audio"
        head = await client.head(url)
        assert head.headers["content-length"] == str(size)
        tail = await client.get(url, headers={"range": f"bytes={size - len(end)}-"})
        assert (tail.status_code, tail.content) == (206, end)
        assert tail.headers["content-range"] == f"bytes {size - len(end)}-{size - 1}/{size}"
        middle = await client.get(url, headers={"range": f"bytes={2**32 - 2}-{2**32 + 1}"})
        assert (middle.status_code, middle.content) == (206, bytes(4))
    # The other way to read it, block by block from a store, agrees on its shape.
    stored = next(f for f in await world.catalog.files(recording) if f.role is FileRole.RENDITION)
    with sound_of(world.services.store, stored) as sound:  # type: ignore[arg-type]
        assert (sound.frames, sound.channels) == (FRAMES, 2)
        assert len(next(iter(sound.blocks))) > 0
