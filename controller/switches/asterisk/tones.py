"""The tones that parties hear, as small WAVs in the spool: the one folder that Asterisk can read too.

Asterisk's own PlayTones is no use here: a channel whose other half whispers generates silence, and two
generators on one pair of half-legs silence each other (seen on Asterisk 22).
"""

from __future__ import annotations

import io
import wave
from pathlib import Path

import structlog

from ...config import AsteriskConfig
from ...core.commands import Sound
from ...core.tones import RATE, TONES, tone

log = structlog.get_logger(__name__)

FOLDER = ".tapeline"


def put_tones(config: AsteriskConfig) -> None:
    """Put the tones where Asterisk finds them. Without them calls go on as they are, unheard."""
    try:
        _write(config.spool)
    except OSError as error:
        log.warning("sound.unwritten", switch=config.name, reason=error.strerror or str(error))


def _write(spool: Path) -> None:
    """The files that are missing or others. Raises OSError."""
    folder = spool / FOLDER
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    for sound in TONES:
        path, content = folder / f"{sound}.wav", _wav(sound)
        if path.exists() and path.read_bytes() == content:
            continue
        # Asterisk may be playing the old one: it keeps that, and the next gets the new one whole.
        fresh = folder / f"{sound}.new"
        fresh.write_bytes(content)
        fresh.chmod(0o644)
        fresh.replace(path)


def _wav(sound: Sound) -> bytes:
    samples = tone(sound)
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setparams((1, 2, RATE, len(samples), "NONE", ""))
        file.writeframes(samples.tobytes())
    return held.getvalue()
