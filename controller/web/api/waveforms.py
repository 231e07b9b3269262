"""/api/v1/recordings/…/peaks and /spans: the stored waveform in any zoom, and what happened when."""

from __future__ import annotations

import hashlib
import struct
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from ...core.spans import RecordingSpan
from ...core.talk import Stretch, apart, talk_of
from ...engine.peaks_format import Peaks
from ...engine.reading import Account, RecordingDetail
from ..distant_files import matches
from ..permits import Listener, Seer
from ..problems import Problem
from ..services import Parts, Services
from ..waveforms import Waveform, happened, no_waveform, peaks_file, speaker
from .params import MAX_MS
from .recordings import find

router = APIRouter(tags=["recordings"])

#: Kept by the browser, but asked for again, so that a right taken away counts at once.
CACHE = "private, no-cache"
MOST_POINTS = 20_000
#: Magic, version, channels, nothing; points, from_ms, to_ms; then the points.
_LEAD = struct.Struct("<4sBBHIQQ")


Points = Annotated[
    int, Query(ge=1, le=MOST_POINTS, description="So many, or fewer where the finest level has no more.")
]
From = Annotated[int, Query(ge=0, le=MAX_MS, description="From here on the recording's time line.")]
To = Annotated[int, Query(ge=0, le=MAX_MS, description="To here.")]
Written = Annotated[Literal["json", "binary"], Query(description="How the points are written.")]


class PeaksView(BaseModel):
    """A part of the waveform: point i covers the i-th equal part of ``from_ms`` to ``to_ms``."""

    duration_ms: int
    channels: int
    from_ms: int
    to_ms: int
    points: int
    peaks: list[list[int]] = Field(
        description="For each channel the lowest and the highest 16-bit sample of each point, in turns."
    )


class SpanView(BaseModel):
    kind: Literal[
        "pause", "announcement", "left_out", "hold", "gap", "conference", "transfer", "joined", "left"
    ]
    from_ms: int
    to_ms: int = Field(description="The same as `from_ms` for what is a moment.")
    who: str = Field(description="Whom it is about, or who asked for it.")
    text: str


class SpeechView(BaseModel):
    channel: int
    who: str
    from_ms: int
    to_ms: int


class TalkerView(BaseModel):
    channel: int
    who: str
    speech_ms: int
    share: float = Field(description="Of what is spoken on all channels, 0 to 1.")


class SpansView(BaseModel):
    """What happened in a recording, and who spoke when. Without a waveform ``speech`` and ``talkers``
    are empty and the sums null."""

    duration_ms: int
    spans: list[SpanView]
    speech: list[SpeechView]
    talkers: list[TalkerView]
    both_ms: int | None = Field(description="Two spoke at once.")
    silence_ms: int | None = Field(description="Nobody spoke; pauses do not count.")
    longest_silence_ms: int | None


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The points; with `format=binary` as described in docs/reference/peaks.md.",
        "model": PeaksView,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
    304: {"description": "What the `ETag` sent along stands for has not changed."},
}


@router.get(
    "/recordings/{recording_id}/peaks",
    summary="The waveform, in any zoom",
    response_model=None,
    responses=_ANSWERS,
)
async def get_peaks(
    request: Request, parts: Parts, me: Listener, recording_id: str,
    points: Points = 2000, from_ms: From = 0, to_ms: To = MAX_MS, format: Written = "json",
) -> Response:  # fmt: skip
    """The lowest and the highest sample of each point and channel, from the stored peaks; the sound
    itself is not read, and looking at it is not listening. 404 until the waveform has been drawn."""
    detail = await find(parts, me, recording_id)
    file = peaks_file(detail)
    if file is None or detail.playable is None:
        raise no_waveform()
    asked = f"{detail.playable.sha256} {file.sha256} {points} {from_ms} {to_ms} {format}"
    headers = {"etag": f'"{hashlib.sha256(asked.encode()).hexdigest()[:32]}"', "cache-control": CACHE}
    if matches(request.headers.get("if-none-match"), headers["etag"]):
        return Response(status_code=304, headers=headers)
    wave = await Waveform.open(parts.store, detail)
    found = await wave.peaks(points, from_ms, to_ms)
    if format == "binary":
        return Response(_binary(found), media_type="application/octet-stream", headers=headers)
    view = PeaksView(
        duration_ms=wave.head.duration_ms, channels=found.channels, from_ms=found.from_ms,
        to_ms=found.to_ms, points=found.points, peaks=found.samples(),
    )  # fmt: skip
    return Response(view.model_dump_json(), media_type="application/json", headers=headers)


def _binary(peaks: Peaks) -> bytes:
    lead = _LEAD.pack(b"TLPP", 1, peaks.channels, 0, peaks.points, peaks.from_ms, peaks.to_ms)
    return lead + peaks.codes


@router.get(
    "/recordings/{recording_id}/spans",
    summary="What happened when, and who spoke",
    response_model=SpansView,
    responses={304: _ANSWERS[304]},
)
async def get_spans(request: Request, parts: Parts, me: Seer, recording_id: str) -> Response:
    """Pauses, holds, transfers, people joining and leaving, gaps, and (from the stored waveform) who
    spoke when, all on the recording's own time line."""
    view = await spans_view(parts, me, await find(parts, me, recording_id))
    content = view.model_dump_json().encode()
    headers = {"etag": f'"{hashlib.sha256(content).hexdigest()[:32]}"', "cache-control": CACHE}
    if matches(request.headers.get("if-none-match"), headers["etag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


async def spans_view(parts: Services, me: Account, detail: RecordingDetail) -> SpansView:
    if detail.playable is None:
        raise Problem(404, "The recording has no file to play, so it has no time line.")
    spans = await happened(parts, me, detail)
    length = detail.playable.duration_ms or detail.row.duration_ms
    talk: list[list[Stretch]] = []
    try:
        talk = await (await Waveform.open(parts.store, detail)).talk()
    except Problem:
        talk = []  # not drawn yet, or its store is away: the rest is known all the same
    return view_of(detail, length, spans, talk)


def view_of(
    detail: RecordingDetail, length: int, spans: tuple[RecordingSpan, ...], talk: list[list[Stretch]]
) -> SpansView:
    pauses = [(s.from_ms, s.to_ms) for s in spans if s.kind == "pause"]
    talk = [apart(each, detail.told) for each in talk]
    sums = talk_of(talk, length, [*pauses, *detail.told])
    count = len(talk)
    return SpansView(
        duration_ms=length,
        spans=[SpanView.model_validate(s, from_attributes=True) for s in spans],
        speech=[
            SpeechView(
                channel=channel, who=speaker(detail, channel, count, begin), from_ms=begin,
                to_ms=min(end, length),
            )
            for begin, end, channel in sorted((b, e, c) for c, each in enumerate(talk) for b, e in each)
        ],
        talkers=[
            TalkerView(
                channel=n, who=detail.channels[n] if detail.channels and count == 2 else "",
                speech_ms=sums.spoken[n], share=round(sums.share(n), 4),
            )
            for n in range(count)
        ],
        both_ms=sums.both if talk else None,
        silence_ms=sums.silence if talk else None,
        longest_silence_ms=sums.longest_silence if talk else None,
    )  # fmt: skip
