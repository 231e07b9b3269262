"""Which file of a recording somebody may hear: with runs of digits taken out of it, or as it was."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request

from ..core.roles import Permission
from ..engine.media_ports import FileRole
from ..engine.reading import FileRow, Hidden, Sound
from .access import may
from .kept import not_kept
from .problems import Problem

Unredacted = Annotated[
    bool,
    Query(description="The sound as it was, where digits are taken out; needs `see_unredacted`, is noted."),
]


def to_hear(request: Request, sound: Sound, unredacted: bool) -> tuple[FileRow, bool]:
    """(the whole recording in one file, whether it holds what is hidden from others).

    Raises Problem 404 if there is nothing to hear, 403 if not for these ears.
    """
    return heard_by(sound, may(request, Permission.SEE_UNREDACTED), unredacted)


def heard_by(sound: Sound, whole: bool, unredacted: bool) -> tuple[FileRow, bool]:
    """The same for whoever may hear the ``whole``, or may not."""
    file = sound.playable
    if file is None:
        why = not_kept(sound) or f"it is {sound.media_state}"
        raise Problem(404, f"The recording has no file to play: {why}.")
    if sound.hidden is Hidden.NOTHING:
        return file, False
    # One from before more was to be taken out is for nobody.
    current = sound.hidden is not Hidden.NOT_YET
    redacted = next((f for f in sound.files if current and f.role == FileRole.REDACTED), None)
    if redacted is not None and not unredacted:
        return redacted, False
    if whole:
        return file, True
    if unredacted:
        raise Problem(403, f"This needs the permission {Permission.SEE_UNREDACTED}.")
    raise Problem(403, "Something is still to be taken out of this recording for others; try again later.")


def may_have(request: Request, sound: Sound, file: FileRow) -> tuple[bool, bool]:
    """(whether this file may be handed out, whether it holds what is hidden from others)."""
    if file.role == FileRole.TRANSCRIPT:
        # Made before its tenant wanted it without digits it still has them: there is a route for the text.
        return may(request, Permission.SEE_UNREDACTED), False
    if sound.hidden is Hidden.NOTHING or file.role == FileRole.PEAKS:
        return True, False
    if file.role == FileRole.REDACTED:
        return sound.hidden is Hidden.DIGITS or may(request, Permission.SEE_UNREDACTED), False
    return may(request, Permission.SEE_UNREDACTED), True
