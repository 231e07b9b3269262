"""Feature codes (FAC): what a party dials inside a call to control its recording."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .errors import InvalidFeatureCode
from .media_kinds import BOTH, Operation, Verb

#: mission.md 5. Start and stop are for the on-demand modes, but do no harm elsewhere.
DEFAULT_CODES: Mapping[str, Operation] = {
    "*48": Operation(Verb.PAUSE, BOTH),
    "*49": Operation(Verb.RESUME, BOTH),
    "*44": Operation(Verb.START, BOTH),
    "*45": Operation(Verb.STOP, BOTH),
}

_CODE = re.compile(r"[*#][0-9]{1,6}")


def validated(codes: Mapping[str, Operation]) -> dict[str, Operation]:
    """The codes, if they can be told apart while they are being dialled.

    A code is ``*`` or ``#`` and one to six digits. None may be the beginning of another: the
    shorter one would fire before the longer is complete. Raises InvalidFeatureCode.
    """
    for code in codes:
        if not _CODE.fullmatch(code):
            raise InvalidFeatureCode(f"{code!r} is no feature code: want * or #, then 1 to 6 digits")
        for other in codes:
            if other != code and other.startswith(code):
                raise InvalidFeatureCode(f"{code} is the beginning of {other}")
    return dict(codes)
