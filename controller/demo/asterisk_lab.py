"""A private Asterisk 22 (Ubuntu: 20) and a Kamailio in front, from packages, in a temporary folder."""

from __future__ import annotations

import array
import asyncio
import contextlib
import math
import os
import random
import shutil
import socket
import tempfile
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from . import asterisk_conf
from .debs import Prefix, Progress, unpack
from .lab import (
    ANNOUNCEMENT_HZ,
    USERS,
    LabUnavailable,
    free_port,
    project_folder,
    start_process,
    stop_process,
    write_tone,
)

STARTUP_S = 30.0
PACKAGES = ("asterisk", "kamailio")
_READY = b"OPTIONS sip:%(host)s SIP/2.0\r\nVia: SIP/2.0/UDP %(me)s;rport;branch=z9hG4bKready\r\n" \
    b"Max-Forwards: 9\r\nFrom: <sip:lab@%(host)s>;tag=1\r\nTo: <sip:%(host)s>\r\nCall-ID: ready\r\n" \
    b"CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"  # fmt: skip


def provision(progress: Progress = lambda _: None) -> Prefix:
    """Asterisk and Kamailio, unpacked once into the user's cache. Blocking. Raises LabUnavailable."""
    prefix = unpack("asterisk-22", PACKAGES, progress)
    sounds = prefix.root / "usr/share/asterisk/sounds"
    with contextlib.suppress(FileExistsError):
        if (sounds / "en_US_f_Allison").is_dir():
            (sounds / "en").symlink_to("en_US_f_Allison")
    return prefix


class AsteriskLab:
    """Start with ``async with``. Addresses are on loopback, ports are free ones.

    Phones register at ``sip_host:sip_port`` (the Kamailio in front); Asterisk itself listens at
    ``sip_host:asterisk_port``. The trunk's far end is expected at ``trunk_ip:trunk_port`` and
    calls in at ``trunk_entry``. The constructor unpacks Asterisk if that has not been done:
    call `provision` in a thread before, to show progress. Raises LabUnavailable.
    """

    kind = "asterisk"
    #: What the tests may try here beside plain calls.
    offers = frozenset(
        {"queue", "ring group", "receptionist", "inbound rule", "outbound rule", "forwarding", "conference",
         "parking", "pickup", "record key", "tainted route", "announcement", "other codes", "result"}
    )  # fmt: skip

    def __init__(
        self, sip_host: str = "127.0.10.1", trunk_ip: str = "127.0.10.2", *, prefix: Prefix | None = None
    ) -> None:
        self._prefix = prefix or provision()
        self.sip_host, self.trunk_ip = sip_host, trunk_ip
        self.users = dict(USERS)
        # Not below TMPDIR: Asterisk's control socket must fit into the 107 bytes of a socket's name.
        self.folder = Path(tempfile.mkdtemp(prefix="tapeline-ast-", dir="/tmp"))
        self.spool = self.folder / "spool"
        self.password = "lab-" + os.urandom(8).hex()
        self.username = "tapeline"
        self.system_name = "lab" + os.urandom(6).hex()  # a secret: see switches/asterisk/seal.py
        self.sip_port = free_port(sip_host, socket.SOCK_DGRAM)
        self.asterisk_port = free_port(sip_host, socket.SOCK_DGRAM)
        self.trunk_port = free_port(trunk_ip, socket.SOCK_DGRAM)
        self.control_host = sip_host
        self.control_port = free_port(sip_host, socket.SOCK_STREAM)
        self._asterisk: asyncio.subprocess.Process | None = None
        self._kamailio: asyncio.subprocess.Process | None = None

    @property
    def trunk_entry(self) -> tuple[str, int]:
        """Where a call from the trunk's side is sent to."""
        return self.sip_host, self.asterisk_port

    @property
    def announcement(self) -> str:
        """A sound of this switch, as a tenant's options name it: a second of ANNOUNCEMENT_HZ."""
        return f"{self.folder}/sounds/announcement"

    @property
    def log(self) -> Path:
        return self.folder / "log/full"

    @property
    def front_log(self) -> Path:
        return self.folder / "log/kamailio"

    async def __aenter__(self) -> Self:
        try:
            self._write_configuration()
            await self.start()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def start(self) -> None:
        """Start (again) what is not running, and wait until AMI and the front answer."""
        etc = self.folder / "etc"
        if self._kamailio is None or self._kamailio.returncode is not None:
            modules = self._prefix.libraries / "kamailio/modules"
            self._kamailio = await self._spawn(
                self.front_log, "usr/sbin/kamailio", "-DD", "-E", "-f", etc / "kamailio.cfg",
                "-L", modules, "-Y", self._run, "-m", "32", "-M", "8",
            )  # fmt: skip
        if self._asterisk is None or self._asterisk.returncode is not None:
            for left in self._run.glob("asterisk.*"):  # a killed Asterisk leaves its control socket
                left.unlink()
            console = self.folder / "log/console"
            self._asterisk = await self._spawn(
                console, "usr/sbin/asterisk", "-f", "-C", etc / "asterisk.conf"
            )
        await self._wait("Asterisk", self._asterisk, self._asterisk_ready, self.log)
        await self._wait("Kamailio", self._kamailio, self._kamailio_ready, self.front_log)

    async def stop(self) -> None:
        """End both; harmless when repeated."""
        for process in (self._asterisk, self._kamailio):
            if process is not None:
                await stop_process(process)
        self._asterisk = self._kamailio = None

    @property
    def pid(self) -> int:
        """Of the switch, while it runs."""
        assert self._asterisk is not None
        return self._asterisk.pid

    async def kill(self) -> None:
        """SIGKILL to Asterisk, as a crash would; `start` brings it back on the same ports."""
        if self._asterisk is not None and self._asterisk.returncode is None:
            self._asterisk.kill()
            await self._asterisk.wait()

    async def restart(self) -> None:
        """A planned restart of Asterisk."""
        if self._asterisk is not None:
            await stop_process(self._asterisk)
        await self.start()

    async def cli(self, command: str) -> str:
        """One command of Asterisk's console; its output."""
        arguments = [*self._prefix.command("usr/sbin/asterisk"), "-C", str(self.folder / "etc/asterisk.conf")]
        process = await asyncio.create_subprocess_exec(
            *arguments, "-rx", command, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
        return output.decode(errors="replace")

    # ── inside ────────────────────────────────────────────────────────────────────────────

    @property
    def _run(self) -> Path:
        return self.folder / "run"

    async def _spawn(self, log: Path, program: str, *arguments: str | Path) -> asyncio.subprocess.Process:
        command = [*self._prefix.command(program), *map(str, arguments)]
        return await start_process(command, log, cwd=self.folder)

    async def _wait(
        self, what: str, process: asyncio.subprocess.Process, ready: Callable[[], Awaitable[bool]], log: Path
    ) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + STARTUP_S
        while not await ready():
            if process.returncode is not None or loop.time() > deadline:
                raise LabUnavailable(f"{what} did not start; the end of its log:\n{self._tail(log)}")
            await asyncio.sleep(0.05)

    def _tail(self, log: Path) -> str:
        texts = [
            p.read_text(errors="replace")[-1500:] for p in (log, self.folder / "log/console") if p.exists()
        ]
        return "\n".join(texts) or "(no log)"

    async def _asterisk_ready(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(self.control_host, self.control_port)
        except OSError:
            return False
        writer.close()
        return "fully booted" in (await self.cli("core waitfullybooted")).lower()

    async def _kamailio_ready(self) -> bool:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.setblocking(False)
            probe.bind((self.sip_host, 0))
            me = f"{self.sip_host}:{probe.getsockname()[1]}".encode()
            request = _READY % {b"host": f"{self.sip_host}:{self.sip_port}".encode(), b"me": me}
            try:
                await loop.sock_sendto(probe, request, (self.sip_host, self.sip_port))
                async with asyncio.timeout(0.3):
                    return (await loop.sock_recv(probe, 2000)).startswith(b"SIP/2.0 200")
            except (OSError, TimeoutError):
                return False

    def _write_configuration(self) -> None:
        self._run.mkdir()
        plan = asterisk_conf.Plan(
            folder=self.folder,
            run=self._run,
            spool=self.spool,
            prefix=self._prefix.root,
            modules=self._prefix.libraries / "asterisk/modules",
            pieces=project_folder() / "dialplan",
            host=self.sip_host,
            sip_port=self.asterisk_port,
            front_port=self.sip_port,
            ami_port=self.control_port,
            password=self.password,
            system_name=self.system_name,
            trunk_host=self.trunk_ip,
            trunk_port=self.trunk_port,
            rtp_start=random.randrange(20_000, 50_000, 1000),
            users=self.users,
        )
        asterisk_conf.write(plan)
        _write_hold_music(self.folder / "moh/hold.wav")
        write_tone(Path(f"{self.announcement}.wav"), ANNOUNCEMENT_HZ, 1.0)


def _write_hold_music(path: Path, seconds: int = 8) -> None:
    """Soft broken chords: unlike speech, and unlike silence, which a pause must be told from."""
    notes = (392.0, 493.9, 587.3, 784.0)
    samples = array.array("h")
    for n in range(8000 * seconds):
        t = n / 8000
        beat = t % 0.5
        samples.append(int(1500 * math.exp(-3 * beat) * math.sin(2 * math.pi * notes[int(t * 2) % 4] * t)))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, len(samples), "NONE", ""))
        file.writeframes(samples.tobytes())
