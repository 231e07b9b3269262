"""What listens to speech and writes it down: the port, and the frames of the worker process behind it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Protocol

import orjson

from ..core.transcripts import Word
from .errors import MediaError
from .resample import Samples

#: A header is small; anything longer is not one of ours.
_LONGEST = 16 << 20


class SpeechError(MediaError):
    """The worker could not listen: it died, was ended for its memory, or said what went wrong."""


class NoSpeech(SpeechError):
    """Nothing here can listen: the extra or the model is missing. The text says how to mend it."""


@dataclass(frozen=True, slots=True)
class Listened:
    """``words`` with times in ms from the beginning of the sound."""

    words: tuple[Word, ...]
    language: str


class SpeechEngine(Protocol):
    """Every method blocks; one piece at a time."""

    @property
    def name(self) -> str:
        """Which model it is, as the transcript shall say."""

    def hear(self, sound: Samples, language: str) -> Listened:
        """One channel at 16,000 Hz, 16 bits, a minute or so. ``language`` "": it finds out.

        Raises SpeechError; NoSpeech if it cannot ever work here as it is.
        """

    def stop(self) -> None:
        """Let go of the model, from any thread, also in the midst of a piece, which then fails."""


#: How the task that transcribes gets one: made anew for each controller.
MakeEngine = Callable[[], SpeechEngine]


def write_frame(stream: IO[bytes], header: dict[str, Any], body: bytes = b"") -> None:
    """A header as JSON and raw bytes behind it."""
    head = orjson.dumps(header)
    stream.write(struct.pack("<II", len(head), len(body)) + head)
    stream.write(body)
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """None at the end of the stream, also in the midst of a frame."""
    lead = stream.read(8)
    if len(lead) < 8:
        return None
    head, body = struct.unpack("<II", lead)
    if head > _LONGEST or body > _LONGEST:
        raise SpeechError("the speech worker speaks another language than we do")
    raw = stream.read(head)
    rest = stream.read(body)
    if len(raw) < head or len(rest) < body:
        return None
    return orjson.loads(raw), rest
