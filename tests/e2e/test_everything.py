"""The life of a recording with everything switched on: MP3, sealing, waveform, proof, trash and purge."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from controller.core.formats import Format
from controller.demo.asterisk_lab import AsteriskLab
from controller.demo.lab import LabUnavailable
from controller.demo.running import RunningController
from controller.media.encoders import Encoders
from controller.media.seal_keys import new_key

from ..lanes import own
from .system import POLICY, System, telephones, until


def tapeline(controller: RunningController, *arguments: str) -> str:
    command = [sys.executable, "-m", "controller", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=controller.folder)
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout


def stored(folder: Path) -> list[Path]:
    """Every file of a recording, wherever the controller keeps one."""
    ends = (".wav", ".mp3", ".sealed", ".peaks")
    return [p for p in folder.rglob("*") if p.is_file() and p.name.endswith(ends)]


@pytest.mark.asterisk
@pytest.mark.timeout(180)
async def test_a_recording_from_its_call_to_its_purge(tmp_path: Path) -> None:
    if not Encoders().has(Format.MP3):
        pytest.skip("NO ENCODER FOR MP3 ON THIS MACHINE: the whole life of a recording is not tested")
    try:
        lab = AsteriskLab(*own("127.0.14.1", "127.0.14.2"))
    except LabUnavailable as error:
        pytest.skip(str(error))
    async with lab:
        controller = RunningController(tmp_path / "controller", (lab,))
        keys = tmp_path / "sealing.keys"
        keys.write_text(new_key())
        keys.chmod(0o600)
        with controller.config_file.open("a") as config:
            config.write(f'\n[[sealing]]\nname = "all"\ntenants = ["*"]\nkey_file = "{keys}"\n')
        await controller.set_policy(users=POLICY, tenants={}, external=False)
        await controller.add_account("admin", "correct horse battery")
        async with controller:
            system = System(lab, controller, tmp_path)
            await system.put_tenant("acme.test", False, format="mp3", channels="stereo", trash_days=1)
            async with telephones(system):
                a, _ = await system.call("101", "102")
                call_id = await system.call_id("101")
                await asyncio.sleep(2.0)
                await a.bye()
            [detail] = await system.recordings(call_id)
            await lives(system, str(detail["recording"]["recording_id"]))


async def lives(system: System, name: str) -> None:
    controller = system.controller
    job: dict[str, Any] = {}

    async def finished() -> bool:
        job.update((await controller.api("GET", f"/jobs/{name}")).body or {})
        # What is left to the background (a file made later) is sealed there, too.
        return "done" in str(job) and all(p.name.endswith(".sealed") for p in stored(controller.folder))

    await until(finished, f"the work on {name} is done: {job}", 40)
    files = stored(controller.folder)
    assert len(files) >= 4, files
    assert all(p.name.endswith(".sealed") for p in files), "everything lies sealed, and nothing plain"
    assert not any(p.read_bytes()[:4] in (b"RIFF", b"ID3\4") for p in files)

    played = await controller.api("GET", f"/recordings/{name}/audio")
    assert played.status == 200
    encoded = await controller.api("GET", f"/recordings/{name}/audio?format=mp3")
    assert encoded.status == 200
    assert encoded.raw[:3] == b"ID3" or encoded.raw[:1] == b"\xff"
    shape = await controller.api("GET", f"/recordings/{name}/peaks")
    assert shape.status == 200

    bundle = controller.folder / "evidence.zip"
    config = ("--config", str(controller.config_file))

    async def proved() -> bool:
        command = [sys.executable, "-m", "controller", "evidence", "export", name, "-o", str(bundle),
                   "--force", *config]  # fmt: skip
        return (await asyncio.to_thread(subprocess.run, command, capture_output=True)).returncode == 0

    await until(proved, "its evidence can be exported", 30)
    await asyncio.to_thread(tapeline, controller, "verify", str(bundle))
    bundle.unlink()

    async def deleted() -> bool:
        return (await controller.api("DELETE", f"/recordings/{name}")).status < 300

    await until(deleted, "it is in the trash (half a minute after its call)", 60)
    assert stored(controller.folder), "what lies in the trash is kept"
    assert (await controller.api("DELETE", f"/trash/{name}")).status < 300

    async def gone() -> bool:
        return not stored(controller.folder)

    await until(gone, f"nothing is left: {stored(controller.folder)}", 30)
    assert (await controller.api("GET", f"/recordings/{name}")).status == 404
