"""docs/systemd/: the units as systemd reads them, how much they let in, and what a real process tells it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.notifying import ServiceManager, watched

UNITS = Path(__file__).parents[2] / "docs/systemd"
NAMES = ("tapeline.service", "tapeline-worker@.service")
#: `systemd-analyze security`: 0 is locked in, 10 is unsafe; a service with no settings has 9.6.
LARGEST_EXPOSURE = 2.0
GUIDE = (Path(__file__).parents[2] / "docs/how-to/systemd.md").read_text(encoding="utf-8")


def settings(name: str) -> dict[str, list[str]]:
    """Setting → its values; a setting may be given several times."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def systemd_analyze(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not on this machine: the units go unchecked")
    return subprocess.run([program, *words], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", NAMES)
def test_systemd_understands_every_line(name: str, tmp_path: Path) -> None:
    text = (UNITS / name).read_text(encoding="utf-8")
    unit = tmp_path / name
    # The program is not installed here, and systemd looks whether it is.
    unit.write_text(text.replace("/opt/tapeline/bin/tapeline", sys.executable), encoding="utf-8")
    done = systemd_analyze("verify", str(unit))
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "tapeline" in line]
    assert not ours, ours
    unit.write_text(text + "\nProtectEverything=yes\n", encoding="utf-8")
    done = systemd_analyze("verify", str(unit))
    assert "ProtectEverything" in done.stderr, "it would not notice a word that it does not know"


@pytest.mark.parametrize("name", NAMES)
def test_little_is_left_open(name: str) -> None:
    done = systemd_analyze("security", "--offline=yes", str(UNITS / name))
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    if exposure is None and "offline" in done.stderr:
        pytest.skip("this systemd-analyze cannot judge a file that is not loaded: exposure goes unchecked")
    assert exposure, done.stdout + done.stderr
    assert float(exposure[1]) <= LARGEST_EXPOSURE


@pytest.mark.parametrize("name", NAMES)
def test_the_service_writes_where_the_guide_says_and_nowhere_else(name: str) -> None:
    unit = settings(name)
    assert unit["ProtectSystem"] == ["strict"]
    assert unit["NoNewPrivileges"] == ["yes"]
    assert unit["CapabilityBoundingSet"] == [""]
    assert unit["ReadWritePaths"] == ["/var/spool/tapeline"]
    assert unit["Type"] == ["notify"]
    for path in ("/var/spool/tapeline", "/var/lib/tapeline", "/var/cache/tapeline", "/etc/tapeline/secrets"):
        assert f"`{path}`" in GUIDE, path
    for credential in unit["LoadCredential"]:
        assert credential.partition(":")[0] in GUIDE


def test_the_two_units_are_locked_in_alike() -> None:
    one, other = (settings(name) for name in NAMES)
    different = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    assert different == {"Description", "After", "ExecStart", "Nice"}  # only the controller goes first


# ── what a process tells ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(60)
        yield listener


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_real_process_says_that_it_is_ready_alive_and_ending(
    command: str, manager: socket.socket, tmp_path: Path
) -> None:
    config = tmp_path / "tapeline.toml"
    config.write_text(
        f'[web]\nport = 0\nsecret_file = "{tmp_path}/secret"\n[storage]\npath = "{tmp_path}/store"\n'
        f'[database]\nurl = "sqlite+aiosqlite:///{tmp_path}/catalog.db"\n[formats]\ncache = "{tmp_path}/c"\n'
        f'[proof]\nkey_file = "{tmp_path}/proof.key"\n'
    )
    environ = os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"}
    process = subprocess.Popen(
        [sys.executable, "-m", "controller", command, "-c", str(config)],
        env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        said: list[bytes] = []
        while b"READY=1" not in said:
            said.append(manager.recv(100))
        assert {manager.recv(100) for _ in range(3)} == {b"WATCHDOG=1"}
        process.send_signal(signal.SIGTERM)
        while said[-1] != b"STOPPING=1":
            said.append(manager.recv(100))
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


async def test_a_loop_that_hangs_gives_no_sign_of_life(manager: socket.socket, tmp_path: Path) -> None:
    environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000"}
    async with watched(ServiceManager(environ)):
        await asyncio.sleep(0.05)
        assert manager.recv(100) == b"WATCHDOG=1"
        manager.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while manager.recv(100):
                pass
        time.sleep(0.2)  # the loop hangs
        with pytest.raises(BlockingIOError):
            manager.recv(100)


async def test_nobody_listens() -> None:
    """Started by hand, or its manager gone: nothing happens."""
    async with watched(ServiceManager({})) as nobody:
        nobody.ready()
    async with watched(ServiceManager({"NOTIFY_SOCKET": "@tapeline-nobody-there"})) as gone:
        gone.ready()
    assert ServiceManager({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}).limit_s == 0.0
