"""Why a recording that was made is not there to be heard, in words that are true."""

from __future__ import annotations

from ..engine.reading import RecordingRow, Sound


def not_kept(row: RecordingRow | Sound) -> str:
    """ "" of any other recording."""
    if not row.trace:
        return ""
    if row.withheld:
        return row.trace
    # Taken back once it was known to be forbidden: nobody could have started that.
    if row.reason.startswith("not recorded"):
        return f"not kept: {row.reason}"
    return row.trace
