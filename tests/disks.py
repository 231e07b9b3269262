"""A disk of its own that can be filled to the brim."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("NOT ROOT: no disk can be filled to the brim, recording on a full disk IS NOT TESTED")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", folder], capture_output=True, text=True
    )
    if made.returncode != 0:
        pytest.skip(f"NO DISK CAN BE MOUNTED, recording on a full one IS NOT TESTED: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path, leave: int = 0) -> Path:
    """All but so many bytes are taken by something that is not ours."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        free = shutil.disk_usage(disk).free - leave
        with contextlib.suppress(OSError):
            while free > 0:
                free -= file.write(bytes(min(free, 1 << 20)))
    return ballast
