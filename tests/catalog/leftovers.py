"""Folders of private PostgreSQLs whose owner was killed: found by a lock that ends with its process.

Each folder has a file that its owner holds locked for as long as it lives. The kernel takes the lock away
from whoever is killed, however that happens, and no number of a process has to be believed. What has no such
file, or a file of another user's, is not ours and stays.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import stat
import time
from pathlib import Path

PREFIX = "tapeline-pg-"
OWNER = "owner"
_STOPS_WITHIN_S = 10.0


def own(home: Path) -> int:
    """This folder is ours until the answer, a file descriptor, is closed, or we are gone."""
    # It appears under its name locked already: nobody finds it in between.
    unnamed = home / f".{OWNER}"
    lock = os.open(unnamed, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    unnamed.rename(home / OWNER)
    return lock


def clear(folder: Path) -> list[Path]:
    """Ends and removes what was left behind in ``folder``; answers what that was."""
    cleared = []
    for home in sorted(folder.glob(f"{PREFIX}*")):
        if (lock := _taken_over(home)) is None:
            continue
        try:
            if _stopped(home / "data"):
                shutil.rmtree(home, ignore_errors=True)
                cleared.append(home)
        finally:
            os.close(lock)
    return cleared


def _taken_over(home: Path) -> int | None:
    """Its lock, which nobody else has then; None: somebody lives, or it is not ours."""
    try:
        if not stat.S_ISDIR(home.lstat().st_mode):
            return None
        lock = os.open(home / OWNER, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if os.fstat(lock).st_uid == os.geteuid():
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
    except BlockingIOError:
        pass
    os.close(lock)
    return None


def _stopped(data: Path) -> bool:
    """Whether no server runs on this data now. One that outlived its owner is ended, as by a crash."""
    until = time.monotonic() + _STOPS_WITHIN_S
    while (pid := _server(data)) is not None:
        if time.monotonic() > until:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGQUIT)
        time.sleep(0.05)
    return True


def _server(data: Path) -> int | None:
    """The number in its file may be another process's by now: the server's folder is its data."""
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
        return pid if Path(f"/proc/{pid}/cwd").readlink() == data else None
    except (OSError, ValueError, IndexError):
        return None
