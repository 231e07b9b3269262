"""A private FreeSWITCH: the one found on this machine, run with freeswitch-conf/ in a temporary folder."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from .lab import (
    ANNOUNCEMENT_HZ,
    MOBILE,
    USERS,
    LabUnavailable,
    free_port,
    project_folder,
    start_process,
    stop_process,
    write_tone,
)

STARTUP_S = 30.0

#: What the shipped dialplan has not: another tenant's users under their own numbers; and something that
#: should not be, a queue's name that comes from the caller.
_MORE = """<extension name="the other tenant">
      <condition field="destination_number" expression="^(2\\d\\d)$">
        <action application="set" data="hangup_after_bridge=true"/>
        <action application="export" data="nolocal:domain_name=other.test"/>
        <action application="bridge" data="user/$1@other.test"/>
      </condition>
    </extension>
    <extension name="careless">
      <condition field="destination_number" expression="^7090$">
        <action application="set" data="tapeline_queue=${sip_h_X-Route}"/>
        <action application="bridge" data="user/102@${domain_name}"/>
      </condition>
    </extension>
    <extension name="extensions">"""


#: Codes that mean something only to a tenant whose options name them, dialled as a call of their own.
_MORE_CODES = (r'expression="^(\*4[4589])$"', r'expression="^(\*4[4589]|\*7[12])$"')


def find_freeswitch() -> Path | None:
    """The binary: FREESWITCH_PREFIX, PATH, /usr/bin, then /opt/*."""
    prefix = os.environ.get("FREESWITCH_PREFIX")
    candidates = [Path(prefix) / "bin/freeswitch"] if prefix else []
    on_path = shutil.which("freeswitch")
    candidates += [Path(on_path)] if on_path else []
    candidates += [Path("/usr/bin/freeswitch"), *sorted(Path("/opt").glob("*/bin/freeswitch"))]
    return next((c for c in candidates if os.access(c, os.X_OK)), None)


class FreeSwitchLab:
    """Start with ``async with``. Addresses are on loopback, ports are free ones.

    Phones register at ``sip_host:sip_port``; the trunk's far end is expected at
    ``trunk_ip:trunk_port`` and calls in at ``sip_host:external_port``.
    """

    kind = "freeswitch"
    #: What the tests may try here beside plain calls. No "record key": that it is let go is only noticed
    #: once it has been pressed, see switches/freeswitch/record_key.py.
    offers = frozenset(
        {"queue", "fifo", "ring group", "receptionist", "inbound rule", "outbound rule", "forwarding",
         "conference", "parking", "pickup", "result", "tainted route", "announcement", "other codes"}
    )  # fmt: skip

    def __init__(self, sip_host: str = "127.0.20.1", trunk_ip: str = "127.0.20.2") -> None:
        binary = find_freeswitch()
        if binary is None:
            raise LabUnavailable(
                "no FreeSWITCH on this machine (looked at FREESWITCH_PREFIX, PATH, /usr/bin, /opt/*)"
            )
        self._binary = binary
        self.sip_host, self.trunk_ip = sip_host, trunk_ip
        self.users = dict(USERS)
        self.folder = Path(tempfile.mkdtemp(prefix="tapeline-fs-"))
        self.spool = self.folder / "spool"
        self.password = "lab-" + os.urandom(8).hex()
        self.sip_port = free_port(sip_host, socket.SOCK_DGRAM)
        self.external_port = free_port(sip_host, socket.SOCK_DGRAM)
        self.trunk_port = free_port(trunk_ip, socket.SOCK_DGRAM)
        self.control_host = "127.0.0.1"
        self.control_port = free_port(self.control_host, socket.SOCK_STREAM)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def trunk_entry(self) -> tuple[str, int]:
        """Where a call from the trunk's side is sent to."""
        return self.sip_host, self.external_port

    @property
    def announcement(self) -> str:
        """A sound of this switch, as a tenant's options name it: a second of ANNOUNCEMENT_HZ."""
        return "tests/announcement"

    @property
    def log(self) -> Path:
        return self.folder / "log/freeswitch.log"

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
        """Start (again) and wait until both profiles and the event socket answer."""
        folder = self.folder
        flags = {
            "conf": "conf",
            "log": "log",
            "db": "db",
            "run": "run",
            "temp": "tmp",
            "storage": "storage",
            "scripts": "scripts",
            "sounds": "sounds",
            "recordings": "recordings",
            "grammar": "grammar",
            "certs": "certs",
            "htdocs": "htdocs",
            "cache": "cache",
        }
        arguments = ["-nf", "-nc", "-nonat"]
        for flag, name in flags.items():
            (folder / name).mkdir(exist_ok=True)
            arguments += [f"-{flag}", str(folder / name)]
        self.spool.mkdir(exist_ok=True)
        command = [str(self._binary), *arguments]
        self._process = await start_process(command, folder / "console.log")
        deadline = asyncio.get_running_loop().time() + STARTUP_S
        while not await self._ready():
            if self._process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                tail = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else "(no log)"
                raise LabUnavailable(f"FreeSWITCH did not start; the end of its log:\n{tail}")
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        if self._process is not None:
            await stop_process(self._process)
            self._process = None

    @property
    def pid(self) -> int:
        """Of the switch, while it runs."""
        assert self._process is not None
        return self._process.pid

    async def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def cli(self, command: str) -> str:
        """One api command over a socket of its own; its output."""
        reader, writer = await asyncio.open_connection(self.control_host, self.control_port)
        try:
            await reader.readuntil(b"\n\n")
            writer.write(f"auth {self.password}\n\n".encode())
            await reader.readuntil(b"\n\n")
            writer.write(f"api {command}\n\n".encode())
            head = (await reader.readuntil(b"\n\n")).decode()
            length = next(int(x.split(":")[1]) for x in head.splitlines() if x.startswith("Content-Length"))
            return (await reader.readexactly(length)).decode(errors="replace")
        finally:
            writer.close()

    async def _ready(self) -> bool:
        try:
            status = await asyncio.wait_for(self.cli("sofia status"), 2)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return False
        return status.count("RUNNING") >= 2

    def _write_configuration(self) -> None:
        shutil.copytree(project_folder() / "freeswitch-conf", self.folder / "conf")
        variables = {
            "tapeline_dialplan": str(project_folder() / "dialplan/freeswitch"),
            "domain": "acme.test",
            "sip_ip": self.sip_host,
            "advertised_ip": self.sip_host,
            "internal_port": str(self.sip_port),
            "external_port": str(self.external_port),
            "trunk_host": self.trunk_ip,
            "trunk_port": str(self.trunk_port),
            "mobile": MOBILE,
            "sound_prefix": str(self.folder / "sounds"),
            "event_socket_ip": self.control_host,
            "event_socket_port": str(self.control_port),
            "event_socket_password": self.password,
            "controller_host": self.control_host,
            "rtp_start": "20000",
            "rtp_end": "29998",
        }
        write_tone(self.folder / f"sounds/{self.announcement}.wav", ANNOUNCEMENT_HZ, 1.0)
        default = self.folder / "conf/dialplan/default.xml"
        pieces = project_folder() / "dialplan/freeswitch"
        own = self.folder / "conf/feature_codes.xml"
        own.write_text((pieces / own.name).read_text().replace(*_MORE_CODES))
        text = default.read_text().replace('<extension name="extensions">', _MORE)
        default.write_text(text.replace(f"$${{tapeline_dialplan}}/{own.name}", str(own)))
        lines = [f'  <X-PRE-PROCESS cmd="set" data="{k}={v}"/>' for k, v in variables.items()]
        (self.folder / "conf/vars.xml").write_text("<include>\n" + "\n".join(lines) + "\n</include>\n")
