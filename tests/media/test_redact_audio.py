"""What is redacted of a recording that is kept encoded alone: a beep, in its own format; all else stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from controller.core.formats import Format
from controller.engine.media_ports import FileRole, StoredFile
from controller.media import encoders as encoders_module
from controller.media.convert import encode, opened
from controller.media.encoders import Encoders
from controller.media.redact_audio import redact
from controller.media.shelves import Stores, home_only
from controller.media.sound import Sound
from controller.media.store import LocalStore

from .doubles import tone

RATE = 8000
ENCODED = [Format.MP3, Format.AMR, Format.OPUS, Format.FLAC, Format.WAV]
SPANS = [(2000, 3000), (5500, 6000)]


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return home_only(LocalStore(tmp_path / "store"))


@pytest.fixture(scope="module")
def encoders() -> Encoders:
    return Encoders()


def kept(stores: Stores, encoders: Encoders, format: Format, sound: np.ndarray) -> StoredFile:
    """A recording of which this is all there is."""
    if format is not Format.WAV and not encoders.has(format):
        pytest.skip(f"NO ENCODER FOR {format.upper()} ON THIS MACHINE")
    temp = stores.home.scratch()
    blocks = (sound[n : n + 4000] for n in range(0, len(sound), 4000))
    made = encode(Sound(sound.shape[1], RATE, len(sound), blocks), format, temp, encoders)
    key = f"acme.example/2026/03/04/r1.{format}"
    digest = stores.home.put(temp, key)
    return StoredFile(
        "r1", FileRole.ENCODED, 0, key, str(format), digest.size, digest.sha256, made.duration_ms,
        made.channels, made.sample_rate,
    )  # fmt: skip


def strength(stores: Stores, file: StoredFile, hz: int, begin: int, end: int) -> list[float]:
    """How loud this pitch is between these moments (ms), on each channel."""
    with opened(stores, file) as sound:
        whole = np.concatenate(list(sound.blocks)).astype(float)
    piece = whole[begin * file.sample_rate // 1000 : end * file.sample_rate // 1000]
    n = np.arange(len(piece)) / file.sample_rate
    wave = np.exp(-2j * np.pi * hz * n)[:, None]
    return [float(x) for x in 2 * np.abs((piece * wave).mean(axis=0))]


@pytest.mark.parametrize("format", ENCODED)
@pytest.mark.parametrize("channels", [1, 2])
def test_what_was_said_there_is_a_beep(
    stores: Stores, encoders: Encoders, format: Format, channels: int
) -> None:
    said = np.concatenate([tone(8 * RATE, RATE, 440, 8000)] * channels, axis=1)
    file = kept(stores, encoders, format, said)
    before = stores.path(file.key).read_bytes()
    made = redact(stores, encoders, file, SPANS, "two spans")
    assert (made.role, made.format, made.note) == (FileRole.REDACTED, str(format), "two spans")
    assert made.key == f"acme.example/2026/03/04/r1.redacted.{format}"
    assert made.channels == file.channels
    assert abs(made.duration_ms - 8000) < 200
    assert stores.digest(made).sha256 == made.sha256
    assert stores.path(file.key).read_bytes() == before, "the original stays as it is"
    for begin, end in SPANS:
        for loud in strength(stores, made, 440, begin + 60, end - 60):
            assert loud < 150
        for loud in strength(stores, made, 1000, begin + 60, end - 60):
            assert loud > 500
    for begin, end in ((100, 1900), (3100, 5400), (6100, 7900)):
        for loud in strength(stores, made, 440, begin, end):
            assert loud > 4000
        for loud in strength(stores, made, 1000, begin, end):
            assert loud < 150
    again = redact(stores, encoders, file, SPANS, "two spans")
    assert again == made, "idempotent"


def test_without_the_encoder_it_is_kept_as_wav(
    stores: Stores, encoders: Encoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = kept(stores, encoders, Format.MP3, tone(8 * RATE, RATE, 440, 8000))
    monkeypatch.setattr(encoders_module, "_candidates", lambda format: iter(()))
    made = redact(stores, Encoders(), file, SPANS, "two spans")
    assert (made.format, made.key.rpartition(".")[2]) == ("wav", "wav")
    assert strength(stores, made, 440, 2060, 2940)[0] < 150
