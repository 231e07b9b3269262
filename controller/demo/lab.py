"""What every private switch of the demo shares: its users, free ports, and how it is ended."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..core.errors import TapelineError

#: extension → (password, tenant)
USERS: dict[str, tuple[str, str]] = {
    "101": ("pw101", "acme.test"),
    "102": ("pw102", "acme.test"),
    "103": ("pw103", "acme.test"),
    "104": ("pw104", "acme.test"),
    "201": ("pw201", "other.test"),
    "202": ("pw202", "other.test"),
}


class LabUnavailable(TapelineError):
    """This switch cannot be run here; the text says why and what would help."""


def project_folder() -> Path:
    """Where dialplan/ and freeswitch-conf/ lie: in the checkout, or inside the installed package."""
    here = Path(__file__).resolve()
    for folder in (here.parents[2], here.parents[1] / "_project"):
        if (folder / "dialplan").is_dir():
            return folder
    raise LabUnavailable(
        "dialplan/ is missing: run from a clone of the repository or install the whole package"
    )


def free_port(host: str, kind: socket.SocketKind) -> int:
    """A port that is free now on this loopback address."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


async def start_process(
    command: Sequence[str], log: Path, *, cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    """Start a process of ours; what it prints is appended to ``log``.

    In a session of its own: a Ctrl-C is for us, and we end everything in order. Should we be killed
    with -9, the kernel ends it.
    """
    setpriv = shutil.which("setpriv")
    guard = [setpriv, "--pdeathsig", "TERM"] if setpriv else []
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *guard,
            *command,
            cwd=cwd,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


async def stop_process(process: asyncio.subprocess.Process, patience_s: float = 8.0) -> None:
    """End a process of ours: politely, then not."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), patience_s)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
