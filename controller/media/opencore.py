"""AMR by the library that sox and others use (libopencore-amrnb), in a process of its own.

    python -m controller.media.opencore encode CHANNELS RATE TARGET   < 16-bit samples
    python -m controller.media.opencore decode                        < AMR > 16-bit samples, 8 kHz

Not through sox: that leaves out frames where nobody speaks (DTX), which ffmpeg, and every player that
is made of it, drops, so that the rest of the recording comes too early. Debian's ffmpeg has no encoder.
The format is that of RFC 4867, section 5.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .resample import Samples, resample

MAGIC = b"#!AMR\n"
RATE = 8000
_FRAME = 160  # samples: 20 ms
_MODE_12_2 = 7
#: Bytes behind a frame's first one, by its mode; 9 to 14 are for other codecs, 15 has none.
_SIZES = (12, 13, 15, 17, 19, 20, 26, 31, 5, 0, 0, 0, 0, 0, 0, 0)
_READ = 1 << 16


def library() -> str | None:
    """Its name, as the loader knows it; None where it is not installed."""
    return ctypes.util.find_library("opencore-amrnb")


def encode(channels: int, rate: int, source: BinaryIO, target: BinaryIO) -> None:
    """Samples to AMR at 12.2 kbit/s; several channels are mixed into one, other rates brought to 8 kHz."""
    amr = _load()
    state = amr.Encoder_Interface_init(0)  # 0: no DTX
    out = ctypes.create_string_buffer(64)
    target.write(MAGIC)
    for frame in _frames(_at_8_khz(_mixed(source, channels), rate)):
        size = amr.Encoder_Interface_Encode(state, _MODE_12_2, frame, out, 0)
        target.write(out.raw[:size])
    amr.Encoder_Interface_exit(state)


def decode(source: BinaryIO, target: BinaryIO) -> None:
    """Raises ValueError for what is no AMR, or ends within a frame."""
    if source.read(len(MAGIC)) != MAGIC:
        raise ValueError("it does not begin like AMR")
    amr = _load()
    state = amr.Decoder_Interface_init()
    out = (ctypes.c_int16 * _FRAME)()
    while head := source.read(1):
        size = _SIZES[head[0] >> 3 & 15]
        frame = head + source.read(size)
        if len(frame) <= size:
            raise ValueError("it ends in the middle of a frame")
        amr.Decoder_Interface_Decode(state, frame, out, 0)
        target.write(bytes(out))
    target.flush()
    amr.Decoder_Interface_exit(state)


def _load() -> ctypes.CDLL:
    found = library()
    if found is None:
        raise OSError("libopencore-amrnb is not installed")
    amr = ctypes.CDLL(found)
    pointer, number = ctypes.c_void_p, ctypes.c_int
    amr.Encoder_Interface_init.restype = amr.Decoder_Interface_init.restype = pointer
    amr.Encoder_Interface_Encode.argtypes = [pointer, number, ctypes.c_char_p, ctypes.c_char_p, number]
    amr.Encoder_Interface_exit.argtypes = amr.Decoder_Interface_exit.argtypes = [pointer]
    amr.Decoder_Interface_Decode.argtypes = [pointer, ctypes.c_char_p, pointer, number]
    return amr


def _mixed(source: BinaryIO, channels: int) -> Iterator[Samples]:
    """One channel: the mean of all, so that none is too loud for the sum."""
    step = _READ // (2 * channels) * 2 * channels
    while block := source.read(step):
        samples = np.frombuffer(block[: len(block) // (2 * channels) * 2 * channels], "<i2")
        samples = samples.reshape(-1, channels)
        yield samples if channels == 1 else np.rint(samples.mean(axis=1)).astype(np.int16)[:, None]


def _at_8_khz(blocks: Iterator[Samples], rate: int) -> Iterator[Samples]:
    if rate == RATE:
        return blocks
    # Nobody knows the length of a pipe; the silence that is added behind it is cut off by the frames.
    return resample(blocks, None, rate, RATE)


def _frames(blocks: Iterator[Samples]) -> Iterator[bytes]:
    """Of 160 samples each; the last one is filled up with silence."""
    size, rest = _FRAME * 2, b""
    for block in blocks:
        data = rest + block.astype("<i2", copy=False).tobytes()
        whole = len(data) - len(data) % size
        for start in range(0, whole, size):
            yield data[start : start + size]
        rest = data[whole:]
    if rest:
        yield rest.ljust(size, b"\0")


def main(arguments: list[str]) -> int:
    try:
        if arguments[0] == "encode":
            channels, rate, target = int(arguments[1]), int(arguments[2]), Path(arguments[3])
            with target.open("wb") as file:
                encode(channels, rate, sys.stdin.buffer, file)
        else:
            decode(sys.stdin.buffer, sys.stdout.buffer)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
