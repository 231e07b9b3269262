"""What can go wrong with a file. Every text says what to do; the file itself is always kept."""

from __future__ import annotations

import errno

from ..core.errors import TapelineError

#: What the system calls a disk that takes no more.
FULL = {errno.ENOSPC, errno.EDQUOT}
#: And one that takes nothing at all for now; reading another disk never comes to these.
DISK_AWAY = {*FULL, errno.EROFS, errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class MediaError(TapelineError):
    """A recording's files could not be dealt with now. They are kept, and it is tried again."""


class UnreadableAudio(MediaError):
    """Not audio that we can read, nor mend. The file is kept as it is and flagged."""


class HostileName(MediaError):
    """A path or key that could lead out of its folder. Refused, never cleaned up and used."""


class SpoolError(MediaError):
    """The spool cannot be read."""


class StoreError(MediaError):
    """The store did not take, or did not give back, a file."""


class StoreAway(StoreError):
    """The store as a whole cannot be used now: gone, slow, full, or it refuses us."""


class SealingKeyError(StoreError):
    """A key is not there, or is not the right one. What it sealed, or shall seal, stays where it is."""


class DoesNotOpen(StoreError):
    """Not what was sealed with this key. Whoever knows which file it is says so."""


class JoinError(MediaError):
    """The segments could not be made into one file. They are safe, each by itself."""


class EncodingError(MediaError):
    """A recording could not be made into another format. It stays as it is."""


class NoEncoder(EncodingError):
    """Nothing on this machine can make, or read, the format; the text says what to install."""


def store_error(attempt: str, error: OSError) -> StoreError:
    """An OSError in people's words, with what to do about it. ``attempt``: "cannot store PATH".

    Each is one whole sentence without a semicolon: errors are joined by semicolons, and a page finds each
    of them again to say it in its reader's language.
    """
    words = error.strerror or str(error)
    if error.errno in (*FULL, errno.EFBIG):
        return StoreError(
            f"{attempt}: {words}: free some space there or move storage.path to a larger disk: "
            "the recording stays where it is and is tried again"
        )
    if error.errno in _FORBIDDEN:
        return StoreError(
            f"{attempt}: {words}: make the folder writable for the user that the controller runs as"
        )
    return StoreError(f"{attempt}: {words}: check the disk: nothing was removed and it is tried again")
