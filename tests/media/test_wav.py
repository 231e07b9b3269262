"""Headers as switches leave them."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
import time
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.media import samples, wav
from controller.media.errors import UnreadableAudio

from .doubles import chunk, fmt, riff, tone, voice, wav_bytes, write

TALK = voice(4000)
DATA = TALK.astype("<i2").tobytes()


def reread(path: Path) -> np.ndarray:
    """By somebody else's reader, which believes the header."""
    with wave.open(str(path)) as reader:
        raw = reader.readframes(reader.getnframes())
        return np.frombuffer(raw, "<i2").reshape(-1, reader.getnchannels())


def test_a_good_file_is_left_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", wav_bytes(voice(801, 2), 16_000))
    assert wav.inspect(path) == wav.WavInfo(2, 16_000, 16, 801, 44, True)
    before = path.stat()
    assert wav.repair(path) is False
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


BROKEN = {
    "FreeSWITCH or Asterisk killed: sizes 0": riff(fmt(), chunk(b"data", DATA, 0), size=36),
    "all sizes 0": riff(fmt(), chunk(b"data", DATA, 0), size=0),
    "sizes of an earlier moment": riff(fmt(), chunk(b"data", DATA, 1600), size=1636),
    "a streaming writer's sizes": riff(fmt(), chunk(b"data", DATA, 0xFFFFFFFF), size=0xFFFFFFFF),
    "more promised than there is": riff(fmt(), chunk(b"data", DATA, len(DATA) * 2), size=len(DATA) * 2 + 36),
    "half a sample at the end": riff(fmt(), chunk(b"data", DATA, 0), size=36) + b"\x07",
    "a right data size in a wrong RIFF size": riff(fmt(), chunk(b"data", DATA), size=4),
    "a LIST before the audio": riff(
        chunk(b"LIST", b"INFOISFT\3\0\0\0abc"), fmt(), chunk(b"data", DATA, 0), size=36
    ),
    "a chunk whose size is nonsense": riff(fmt(), chunk(b"LIST", b"INFO", 0x7FFFFFFF), chunk(b"data", DATA)),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_every_whole_sample_survives_a_repair(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path / "a.wav", content)
    info = wav.inspect(path)
    assert (info.frames, info.channels, info.sample_rate, info.header_ok) == (4000, 1, 8000, False)
    assert wav.repair(path) is True
    assert wav.inspect(path).header_ok
    assert np.array_equal(reread(path), TALK)
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]
    assert wav.repair(path) is False


def test_a_repair_to_elsewhere_leaves_the_original(tmp_path: Path) -> None:
    content = wav_bytes(TALK, closed=False)
    path = write(tmp_path / "a.wav", content)
    assert wav.repair(path, tmp_path / "b.wav")
    assert path.read_bytes() == content
    assert np.array_equal(reread(tmp_path / "b.wav"), TALK)


def test_chunks_behind_the_audio_are_no_audio(tmp_path: Path) -> None:
    tail = chunk(b"LIST", b"INFOISFT\4\0\0\0abcd")
    good = write(tmp_path / "a.wav", riff(fmt(), chunk(b"data", DATA), tail))
    assert wav.inspect(good).frames == 4000
    assert wav.inspect(good).header_ok
    wrong = write(tmp_path / "b.wav", riff(fmt(), chunk(b"data", DATA), tail, size=1))
    assert wav.repair(wrong)
    assert wrong.read_bytes() == good.read_bytes()


def test_silence_behind_a_wrong_size_is_audio(tmp_path: Path) -> None:
    """Zeros look like empty chunks without a name; a paused recording is full of them."""
    content = riff(fmt(), chunk(b"data", DATA[:800] + bytes(1600), 800), size=836)
    assert wav.inspect(write(tmp_path / "a.wav", content)).frames == 1200


def test_no_audio_yet_is_no_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", riff(fmt(), chunk(b"data", b"")))
    assert path.stat().st_size == 44
    assert (wav.inspect(path).frames, wav.inspect(path).header_ok) == (0, True)


@pytest.mark.parametrize("length", [0, 1, 4, 11, 12, 19, 20, 35, 36, 43])
def test_a_file_cut_off_within_its_header_is_unreadable_and_kept(tmp_path: Path, length: int) -> None:
    content = wav_bytes(TALK)[:length]
    path = write(tmp_path / "a.wav", content)
    for act in (wav.inspect, wav.repair):
        with pytest.raises(UnreadableAudio, match=r"a\.wav"):
            act(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "header",
    [
        fmt(tag=0x31),
        fmt(channels=0),
        fmt(rate=0),
        fmt(bits=12),
        fmt(channels=65),
        chunk(b"fmt ", b"\1\0\1\0"),
    ],
    ids=["GSM", "no channel", "no rate", "12 bits", "65 channels", "short"],
)
def test_what_we_cannot_read_is_said(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(UnreadableAudio):
        wav.inspect(write(tmp_path / "a.wav", riff(header, chunk(b"data", DATA))))


def rf64(data_size: int, riff_size: int, data: bytes = DATA) -> bytes:
    sizes = chunk(b"ds64", struct.pack("<QQQI", riff_size, data_size, 4000, 0))
    return b"RF64\xff\xff\xff\xffWAVE" + sizes + fmt() + b"data\xff\xff\xff\xff" + data


def test_rf64(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", rf64(len(DATA), len(DATA) + 72))
    assert wav.inspect(path) == wav.WavInfo(1, 8000, 16, 4000, 80, True)
    killed = write(tmp_path / "b.wav", rf64(0, 0))
    assert not wav.inspect(killed).header_ok
    assert wav.repair(killed)
    assert np.array_equal(reread(killed), TALK)


def test_more_than_four_gigabytes_become_rf64(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    frames = 2**31 + 5
    with path.open("wb") as file:
        file.write(wav.header(1, 8000, 16, frames))
        file.truncate(80 + frames * 2)  # a hole: it takes no room on the disk
    assert wav.inspect(path) == wav.WavInfo(1, 8000, 16, frames, 80, True)


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_mulaw", "pcm_alaw"])
def test_other_encodings_decode_as_ffmpeg_does(tmp_path: Path, codec: str) -> None:
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        pytest.skip("ffmpeg IS NOT INSTALLED: our decoding is not compared with anybody else's")
    path = write(tmp_path / "a.wav", wav_bytes(tone(4000, 8000)))
    subprocess.run([ffmpeg, "-v", "error", "-i", path, "-c:a", codec, tmp_path / "b.wav"], check=True)
    raw = subprocess.run(
        [ffmpeg, "-v", "error", "-i", tmp_path / "b.wav", "-f", "s16le", "-"], check=True, capture_output=True
    ).stdout
    theirs, ours = np.frombuffer(raw, "<i2").astype(int), samples.whole(tmp_path / "b.wav")[:, 0]
    # One step of difference: they scale floats by 32768 and round, we scale by 32767.
    assert np.abs(theirs - ours).max() <= 1


def test_a_million_empty_chunks_do_not_keep_us(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 1_000_000)
    began = time.monotonic()
    with pytest.raises(UnreadableAudio):
        wav.inspect(path)
    assert time.monotonic() - began < 2


def _never_otherwise(path: Path) -> None:
    """Only UnreadableAudio; and what is read is really there, and can be mended."""
    try:
        info = wav.inspect(path)
    except UnreadableAudio:
        return
    assert 0 <= info.frames * info.frame_bytes <= path.stat().st_size - info.data_offset
    before = samples.whole(path)
    wav.repair(path)
    after = wav.inspect(path)
    assert (after.frames, after.header_ok) == (info.frames, True)
    assert np.array_equal(samples.whole(path), before)


@given(st.binary(max_size=400))
def test_fuzz_behind_a_riff_header(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.wav"
    for lead in (b"", b"RIFF\0\0\0\0WAVE", b"RF64\xff\xff\xff\xffWAVE", riff(fmt()), riff(fmt()) + b"data"):
        path.write_bytes(lead + content)
        _never_otherwise(path)


@given(st.integers(0, 10**9), st.integers(0, 300))
def test_fuzz_damaged_headers(tmp_path_factory: pytest.TempPathFactory, seed: int, length: int) -> None:
    chance = random.Random(seed)
    content = bytearray(
        riff(
            chunk(b"LIST", b"INFOISFT\3\0\0\0abc"),
            fmt(2),
            chunk(b"data", DATA[:120]),
            chunk(b"LIST", b"tail"),
        )
    )
    for _ in range(chance.randint(0, 4)):
        content[chance.randrange(90)] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
    path = tmp_path_factory.getbasetemp() / "damaged.wav"
    path.write_bytes(bytes(content[:length] if length < 250 else content))
    _never_otherwise(path)


def test_the_mode_of_a_repaired_file_stays(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", wav_bytes(TALK, closed=False))
    path.chmod(0o604)
    wav.repair(path)
    assert path.stat().st_mode & 0o777 == 0o604
