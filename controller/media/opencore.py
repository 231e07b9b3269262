"""AMR by the library that sox and others use (libopencore-amrnb), in a process of its own.

    python -m controller.media.opencore encode TARGET   < 16-bit samples, one channel, 8 kHz
    python -m controller.media.opencore decode          < AMR > 16-bit samples, 8 kHz

Not through sox: that leaves out frames where nobody speaks (DTX), which ffmpeg, and every player that
is made of it, drops, so that the rest of the recording comes too early. Debian's ffmpeg has no encoder.
Without numpy, which would take longer to load than a call of a minute to encode. The format is that of
RFC 4867, section 5.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from typing import BinaryIO

MAGIC = b"#!AMR\n"
_FRAME = 160  # samples: 20 ms
_MODE_12_2 = 7
#: Bytes behind a frame's first one, by its mode; 9 to 14 are for other codecs, 15 has none.
_SIZES = (12, 13, 15, 17, 19, 20, 26, 31, 5, 0, 0, 0, 0, 0, 0, 0)
_AT_ONCE = 200  # frames
#: What we call is of this version.
_SONAME = "libopencore-amrnb.so.0"


def library() -> str | None:
    """Its name, as the loader knows it; None where it is not installed. Asks other programs."""
    from ctypes.util import find_library

    return find_library("opencore-amrnb")


def encode(source: BinaryIO, target: BinaryIO) -> None:
    """Samples to AMR at 12.2 kbit/s."""
    amr = _load()
    state = amr.Encoder_Interface_init(0)  # 0: no DTX
    out = ctypes.create_string_buffer(64)
    target.write(MAGIC)
    for frame in _frames(source):
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
    try:
        amr = ctypes.CDLL(_SONAME)
    except OSError:
        found = library()
        if found is None:
            raise OSError("libopencore-amrnb is not installed") from None
        amr = ctypes.CDLL(found)
    pointer, number = ctypes.c_void_p, ctypes.c_int
    amr.Encoder_Interface_init.restype = amr.Decoder_Interface_init.restype = pointer
    amr.Encoder_Interface_Encode.argtypes = [pointer, number, ctypes.c_char_p, ctypes.c_char_p, number]
    amr.Encoder_Interface_exit.argtypes = amr.Decoder_Interface_exit.argtypes = [pointer]
    amr.Decoder_Interface_Decode.argtypes = [pointer, ctypes.c_char_p, pointer, number]
    return amr


def _frames(source: BinaryIO) -> Iterator[bytes]:
    """Of 160 samples each; the last one is filled up with silence."""
    size = _FRAME * 2
    while block := source.read(size * _AT_ONCE):
        for start in range(0, len(block), size):
            yield block[start : start + size].ljust(size, b"\0")


def main(arguments: list[str]) -> int:
    try:
        if arguments[0] == "encode":
            with open(arguments[1], "wb") as file:
                encode(sys.stdin.buffer, file)
        else:
            decode(sys.stdin.buffer, sys.stdout.buffer)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
