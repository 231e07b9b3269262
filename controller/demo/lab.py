"""What every private switch of the demo shares: its users, free ports, and how it is ended."""

from __future__ import annotations

import array
import asyncio
import contextlib
import math
import shutil
import socket
import wave
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

#: What every private switch has beside its users, for them and for calls from the trunk: 7001 the queue
#: "sales" (101 and 102), 7010 the ring group "all" (101, 102, 103), 7020 the receptionist "welcome" (1 is
#: 101), 7030 forwarded to this number by the trunk, 7040 a conference, 7050 parks and 7101–7120
#: retrieve, *8 picks up. Calls in come by the inbound rule "main", calls out by the outbound rule "mobile".
MOBILE = "+15559990000"

#: The tone that stands for a tenant's announcement; none of the parties' own.
ANNOUNCEMENT_HZ = 3100


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


def write_tone(path: Path, hertz: int, seconds: float) -> None:
    """A WAV of 8 kHz, mono, that every switch can play."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = array.array(
        "h", (round(8000 * math.sin(2 * math.pi * hertz * n / 8000)) for n in range(round(8000 * seconds)))
    )
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, len(samples), "NONE", ""))
        file.writeframes(samples.tobytes())
