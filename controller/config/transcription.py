"""The configuration's part about transcripts: ``[transcription]``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class TranscriptionConfig(BaseModel):
    """Writing down what is said: see [transcripts](transcripts.md). Needs the extra `transcribe`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(
        False, description="Whether this controller transcribes; then each tenant chooses for itself."
    )
    model: Path | None = Field(
        None,
        description="The folder of a Whisper model for CTranslate2 (`model.bin`, `tokenizer.json`); none: "
        "the small English one that the extra brings. Nothing is ever downloaded.",
    )
    language: Annotated[str, Field(pattern=r"^(auto|[a-z]{2,3})$")] = Field(
        "auto", description="What is spoken, as `en` or `de`; `auto`: the model finds out for each channel."
    )
    compute_type: Literal["int8", "int8_float32", "int16", "float32"] = Field(
        "int8", description="How the model counts; `int8` is the fastest and needs the least memory."
    )
    threads: int = Field(1, ge=1, le=64, description="How many processor cores it may use at once.")
    nice: int = Field(15, ge=0, le=19, description="How far it gives way to everything else on the machine.")
    memory_mb: int = Field(
        2000, ge=300, le=262_144, description="The memory that the worker may have; it is ended beyond that."
    )
    idle_s: int = Field(
        60, ge=1, le=86_400, description="With nothing to do for so long, the model is let go of."
    )
    redact_from: int = Field(
        4,
        ge=2,
        le=100,
        description="So many digits in a row, or more, are taken out if a tenant wants it.",
    )
