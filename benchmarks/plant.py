"""A controller's configuration in a folder of its own, and what its processes take of the machine."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from controller.config import Config

_TICK = os.sysconf("SC_CLK_TCK")


def config_of(folder: Path, **more: Any) -> Config:
    """A switch called fs that nobody asks anything, SQLite, a store; work that gives way to nobody, for what
    else the machine does is not what is measured. ``more`` replaces whole sections."""
    (folder / "spool").mkdir(parents=True, exist_ok=True)
    sections: dict[str, Any] = {
        "database": {"url": f"sqlite+aiosqlite:///{folder}/tapeline.db"},
        "storage": {"path": str(folder / "store")},
        "jobs": {"nice": 0},
        "proof": {"key_file": str(folder / "proof.key")},
        "switches": [{"kind": "asterisk", "name": "fs", "password": "x", "spool": str(folder / "spool")}],
    }
    return Config.model_validate(sections | more)


def children(pid: int) -> list[int]:
    """Its children, and theirs."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    except OSError:
        return found
    # One that has not become its own program yet still has its parent's memory.
    found = [child for child in found if _line(child) != _line(pid)]
    return [*found, *(grandchild for child in found for grandchild in children(child))]


def _line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def cpu_s(pid: int) -> float:
    """Of a process, its children that have ended, and those that run."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    running = sum(own_cpu_s(child) for child in children(pid))
    return sum(map(int, fields[11:15])) / _TICK + running


def own_cpu_s(pid: int) -> float:
    """Without those of its children that run."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICK


def peak_mb(pid: int) -> float:
    """The most memory that it ever had in use (VmHWM); 0 if it has gone."""
    return _status_mb(pid, "VmHWM")


def resident_mb(pid: int, which: str = "VmRSS") -> float:
    """What it has in use now, or of that what no file backs (RssAnon); 0 if it has gone."""
    return _status_mb(pid, which)


def _status_mb(pid: int, field: str) -> float:
    try:
        found = re.search(rf"{field}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def postmaster(url: str) -> int:
    """The process id of the PostgreSQL that listens on this URL's port."""
    port = re.search(r":(\d+)(/|$)", url.rpartition("@")[2])
    assert port is not None
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                line = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"postgres" in line[0] and b"-p" in line and line[line.index(b"-p") + 1] == port[1].encode():
                return int(process.name)
    raise LookupError(f"no PostgreSQL listens on {port[1]}")
