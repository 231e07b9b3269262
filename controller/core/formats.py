"""The formats of a finished recording: their names, the reference product's numbers for them, their sizes."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from .errors import InvalidPolicy


class Format(StrEnum):
    """What a whole audio recording may be kept and downloaded as. Video is MP4."""

    WAV = "wav"
    MP3 = "mp3"
    AMR = "amr"
    OPUS = "opus"
    FLAC = "flac"


class FormatChoice(StrEnum):
    """What a tenant may choose: one of the formats, or whatever the system's is."""

    SYSTEM = "system"
    WAV = "wav"
    MP3 = "mp3"
    AMR = "amr"
    OPUS = "opus"
    FLAC = "flac"

    def of(self, system: Format) -> Format:
        return system if self is FormatChoice.SYSTEM else Format(str(self))


#: The reference product's ``recorder_file_format``.
FORMAT_NUMBERS = {1: FormatChoice.WAV, 2: FormatChoice.AMR, 3: FormatChoice.MP3}

#: Bits a second and channel of those that have a fixed rate; AMR has one channel only.
BIT_RATES = {Format.MP3: 32_000, Format.OPUS: 24_000, Format.AMR: 12_200}
#: The same of MP3 where the sound has the whole range of hearing.
WIDE_MP3_BIT_RATE = 64_000
#: Of FLAC there is no telling; speech by telephone came to this share of WAV.
FLAC_SHARE = 0.5
#: Each AMR frame of 20 ms has a byte of its own and is filled up to whole bytes: 32 at 12.2 kbit/s.
_AMR_BYTES_A_MINUTE = 32 * 50 * 60


def bytes_per_minute(format: Format, channels: int = 1, sample_rate: int = 8000) -> int:
    """Of a minute of recorded talk, about. WAV holds 16 bits a sample."""
    wav = sample_rate * 2 * channels * 60
    if format is Format.WAV:
        return wav
    if format is Format.FLAC:
        return round(wav * FLAC_SHARE)
    if format is Format.AMR:
        return _AMR_BYTES_A_MINUTE
    rate = WIDE_MP3_BIT_RATE if format is Format.MP3 and sample_rate > 24_000 else BIT_RATES[format]
    return rate * channels * 60 // 8


def format_of_number(value: Any) -> FormatChoice:
    """What ``recorder_file_format`` says; a whole number, or its digit. Raises InvalidPolicy."""
    number = int(value) if isinstance(value, str) and value in ("1", "2", "3") else value
    if isinstance(number, bool) or not isinstance(number, int) or number not in FORMAT_NUMBERS:
        raise InvalidPolicy(
            f"recorder_file_format: want 1 (WAV), 2 (AMR) or 3 (MP3), not {str(value)[:40]!r}"
        )
    return FORMAT_NUMBERS[number]
