"""An AMI server that does what a test tells it to: answers, keeps silent, lies, or breaks."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from controller.config import AsteriskConfig

CHALLENGE = "230846"


class ScriptedAmi:
    """``async with ScriptedAmi(spool) as ami``; ``ami.config()`` is for the adapter under test."""

    def __init__(self, spool: Path, password: str = "right") -> None:
        self.spool, self.password = spool, password
        self.actions: list[dict[str, str]] = []
        self.rows: list[dict[str, str | list[str]]] = []  # of CoreShowChannels
        self.monitors: dict[str, list[tuple[str, str]]] = {}  # channel → (id, file)
        self.variables: dict[tuple[str, str], str] = {}
        self.holding: list[str] = []  # bridges in which nobody hears another
        self.silent: set[str] = set()  # actions that are not answered
        self.writes_files = True
        self.frozen = False
        self.connections = 0
        self.clock = 1_795_000_000.0
        self.system_name = ""
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self._next_id = 1
        self.port = 0

    async def __aenter__(self) -> ScriptedAmi:
        self._server = await asyncio.start_server(self._serve, "127.0.10.50", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.drop()
        await self._server.wait_closed()

    def config(self, **settings: object) -> AsteriskConfig:
        return AsteriskConfig.model_validate(
            {
                "kind": "asterisk", "name": "pbx", "host": "127.0.10.50", "port": self.port,
                "password": "right", "spool": self.spool, "command_timeout_ms": 300,
            }
            | settings
        )  # fmt: skip

    def send(self, *frames: str | bytes | dict[str, str | list[str]]) -> None:
        """Push frames, or raw bytes, to whoever is connected."""
        for writer in self._writers:
            for frame in frames:
                writer.write(frame if isinstance(frame, bytes) else encode(frame))

    def event(self, name: str, **headers: str | list[str]) -> None:
        self.clock += 0.001
        seal = {"SystemName": self.system_name} if self.system_name else {}
        self.send({"Event": name, "Timestamp": f"{self.clock:.6f}", **seal, **headers})

    def drop(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def of(self, name: str) -> list[dict[str, str]]:
        return [a for a in self.actions if a["Action"] == name]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        try:
            while True:
                raw = (await reader.readuntil(b"\r\n\r\n")).decode()
                action = dict(line.split(": ", 1) for line in raw.strip().split("\r\n"))
                self.actions.append(action)
                if self.frozen or action["Action"] in self.silent:
                    continue
                for frame in self._answer(action):
                    writer.write(encode({"ActionID": action["ActionID"], **frame}))
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def _answer(self, a: dict[str, str]) -> Iterable[dict[str, str | list[str]]]:
        ok: dict[str, str | list[str]] = {"Response": "Success"}
        match a["Action"]:
            case "Challenge":
                yield {**ok, "Challenge": CHALLENGE}
            case "Login":
                key = hashlib.md5((CHALLENGE + self.password).encode()).hexdigest()
                if a.get("Key") == key:
                    yield {**ok, "Message": "Authentication accepted"}
                else:
                    yield {"Response": "Error", "Message": "Authentication failed"}
            case "Ping":
                self.clock += 0.001
                yield {**ok, "Ping": "Pong", "Timestamp": f"{self.clock:.6f}"}
            case "CoreSettings":
                yield {**ok, "AsteriskVersion": "22.10.1"}
            case "CoreShowChannels":
                yield {**ok, "EventList": "start", "Message": "Channels will follow"}
                for row in self.rows:
                    yield {"Event": "CoreShowChannel", **row}
                yield {"Event": "CoreShowChannelsComplete", "EventList": "Complete", "ListItems": "1"}
            case "Originate":
                yield {**ok, "Message": "Originate successfully queued"}
            case "BridgeList":
                yield {**ok, "EventList": "start", "Message": "Bridge listing will follow"}
                for bridge in self.holding:
                    yield {"Event": "BridgeListItem", "BridgeUniqueid": bridge,
                           "BridgeTechnology": "holding_bridge"}  # fmt: skip
                yield {"Event": "BridgeListComplete", "EventList": "Complete", "ListItems": "0"}
            case "Command" if a["Command"] == "core show settings":
                lines = ["PBX Core settings", f"  System name:                 {self.system_name}"]
                yield {**ok, "Message": "Command output follows", "Output": lines}
            case "Command":
                channel = a["Command"].removeprefix("mixmonitor list ")
                lines = ["MixMonitor ID\tFile\tReceive File\tTransmit File", "=" * 73]
                lines += [
                    f"{i}\t{file.removesuffix('.wav')}\t\t" for i, file in self.monitors.get(channel, [])
                ]
                yield {**ok, "Message": "Command output follows", "Output": lines}
            case "Getvar":
                value = self.variables.get((a.get("Channel", ""), a["Variable"]), "")
                yield {**ok, "Variable": a["Variable"], "Value": value}
            case "Setvar":
                self.variables[a["Channel"], a["Variable"]] = a["Value"]
                yield {**ok, "Message": "Variable Set"}
            case "MixMonitor":
                monitor = f"0x{self._next_id:x}"
                self._next_id += 1
                files = [f for f in (a["File"], *re.findall(r"[rt]\((/[^)]*)\)", a["Options"])) if f]
                self.monitors.setdefault(a["Channel"], []).append((monitor, files[0]))
                for path in map(Path, files if self.writes_files else ()):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(b"RIFF")
                yield {**ok, "MixMonitorID": monitor}
            case "StopMixMonitor":
                there = self.monitors.get(a["Channel"], [])
                self.monitors[a["Channel"]] = [m for m in there if m[0] != a["MixMonitorID"]]
                yield ok
            case _:
                yield ok


def encode(frame: str | dict[str, str | list[str]]) -> bytes:
    if isinstance(frame, str):
        return frame.encode()
    lines = []
    for key, value in frame.items():
        lines += [f"{key}: {v}" for v in ([value] if isinstance(value, str) else value)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def channel(
    leg_id: str, name: str, *, state: str = "6", linked: str = "", user: str = "", tenant: str = "acme.test",
    side: str = "internal", **more: str | list[str],
) -> dict[str, str | list[str]]:  # fmt: skip
    """The headers that every channel event and every row of CoreShowChannels has."""
    return {
        "Channel": name, "ChannelState": state, "CallerIDNum": user or "<unknown>",
        "CallerIDName": "<unknown>", "Exten": "102", "Uniqueid": leg_id, "Linkedid": linked or leg_id,
        "ChanVariable": [f"REC_SIDE={side}", f"REC_TENANT={tenant}", f"REC_USER={user}"], **more,
    }  # fmt: skip
