"""Which bytes somebody gets who wants a recording in a format: a file that is there, or one made now."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Query, Response

from ..core.formats import Format
from ..core.media_kinds import Kind
from ..engine.converting import CannotConvert, ConversionsBusy
from ..engine.reading import FileRow, Sound
from .media_files import serve, serve_made
from .problems import Problem
from .services import Services

WantedFormat = Annotated[
    Format | None,
    Query(alias="format", description="Of an audio recording; converted now, if it is not kept as that."),
]

#: A clip is no second way to the whole: longer ones are downloads.
LONGEST_CLIP_MS = 4 * 3600 * 1000


async def to_play(parts: Services, sound: Sound, file: FileRow, wanted: Format | None) -> Response:
    """To be heard here; AMR, which no browser plays, is decoded on the way. Ranges are served."""
    if wanted is None and file.format == Format.AMR:
        wanted = Format.WAV
    return await _as(parts, sound, file, wanted, attachment=False)


async def to_keep(parts: Services, sound: Sound, file: FileRow, wanted: Format | None) -> Response:
    """To be downloaded: in the tenant's format, where nothing else is asked for."""
    if wanted is None and file == sound.playable and sound.chosen is not None:
        file = sound.chosen
    return await _as(parts, sound, file, wanted, attachment=True)


async def piece(
    parts: Services, sound: Sound, file: FileRow, span: tuple[int, int], wanted: Format | None
) -> Response:
    """From one moment to another, in ms on the recording's own time line."""
    begin, end = span
    if not 0 <= begin < end or end - begin > LONGEST_CLIP_MS:
        raise Problem(422, "A clip is from_ms to to_ms, with from_ms before to_ms, of four hours at most.")
    if begin >= file.duration_ms:
        raise Problem(422, f"The recording is {file.duration_ms} ms long; from_ms is behind its end.")
    default = Format(file.format) if file.format in set(Format) else Format.WAV
    return await _made(parts, sound, file, wanted or default, (begin, min(end, file.duration_ms)), True)


async def _as(
    parts: Services, sound: Sound, file: FileRow, wanted: Format | None, *, attachment: bool
) -> Response:
    if wanted is None:
        return await serve(parts.store, sound, file, attachment=attachment)
    # The redacted file is all that some may hear: only of the unredacted whole there are several.
    there = (sound.playable, sound.chosen) if file in (sound.playable, sound.chosen) else (file,)
    for one in there:
        if one is not None and one.format == wanted:
            return await serve(parts.store, sound, one, attachment=attachment)
    return await _made(parts, sound, file, wanted, None, attachment)


async def _made(
    parts: Services,
    sound: Sound,
    file: FileRow,
    format: Format,
    span: tuple[int, int] | None,
    attachment: bool,
) -> Response:
    if sound.kind == Kind.VIDEO:
        raise Problem(422, "A video is MP4; it is not converted.")
    if parts.converter is None:
        raise Problem(501, "This controller converts nothing.")
    try:
        path = await parts.converter.converted(sound.recording_id, file, format, span)
        found = await asyncio.to_thread(path.stat)
    except ConversionsBusy as error:
        raise Problem(
            503, f"{str(error)[:1].upper()}{str(error)[1:]}.", headers={"retry-after": "10"}
        ) from error
    except (CannotConvert, OSError) as error:
        raise Problem(501, f"It cannot be had as {format.upper()}: {error}.") from error
    return serve_made(path, found, sound, file, format, span, attachment=attachment)
