"""Every implementation of a switch, each with a way to call, to hang up and to cut the control link."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

from controller.config import AsteriskConfig, FreeSwitchConfig
from controller.core import facts as f
from controller.core.parties import Party, Side
from controller.core.requests import ControlRequest
from controller.demo.phone import Dialog, Phone
from controller.demo.running import Lab
from controller.engine.ids import new_id, now
from controller.engine.ports import Switch
from controller.switches.asterisk.adapter import AsteriskSwitch
from controller.switches.fake import FakeSwitch
from controller.switches.freeswitch.adapter import FreeSwitch
from controller.switches.freeswitch.connection import Event
from tests.switches.asterisk import captured as ami_captured
from tests.switches.asterisk.scripted_ami import ScriptedAmi
from tests.switches.freeswitch import captured as esl_captured
from tests.switches.freeswitch.scripted_esl import ScriptedEsl


class Bench(abc.ABC):
    """``async with``: a switch that is there, and an adapter that is not yet connected (`connect`)."""

    kind: ClassVar[str]
    #: (tenant, user) of the caller and of the callee.
    users: ClassVar[tuple[tuple[str, str], tuple[str, str]]] = (("acme.test", "101"), ("acme.test", "102"))
    switch: Switch
    spool: Path

    def __init__(self) -> None:
        self.facts: list[f.Fact] = []
        self.requests: list[ControlRequest] = []
        self._task: asyncio.Task[None] | None = None

    @abc.abstractmethod
    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            [end] = await asyncio.gather(self._task, return_exceptions=True)
            assert isinstance(end, asyncio.CancelledError), end

    @abc.abstractmethod
    async def dial(self) -> None:
        """101 calls 102, who answers."""

    @abc.abstractmethod
    async def hang_up(self) -> None: ...

    @abc.abstractmethod
    async def cut(self) -> None:
        """The control link breaks and cannot be made again."""

    @abc.abstractmethod
    async def mend(self) -> None: ...

    # ── what is the same for all ──────────────────────────────────────────────────────────

    async def connect(self) -> f.SwitchSnapshot:
        if self._task is None:
            self._task = asyncio.create_task(self.switch.run(self.facts.append, self.requests.append))
        return await self.snapshot(1)

    async def snapshot(self, number: int) -> f.SwitchSnapshot:
        """The ``number``th snapshot, once it is there."""
        await self.until(lambda: len(self.of(f.SwitchSnapshot)) >= number, f"snapshot {number}")
        found: f.SwitchSnapshot = self.of(f.SwitchSnapshot)[number - 1]
        return found

    async def call(self) -> tuple[str, str]:
        """A call that is up: (the caller's leg, the callee's)."""
        start = len(self.facts)
        await self.dial()
        await self.until(lambda: len({x.leg_id for x in self.of(f.BridgeEntered, start)}) == 2, "a bridge")
        started = self.of(f.LegStarted, start)
        return (
            next(x.leg_id for x in started if x.calling), next(x.leg_id for x in started if not x.calling)
        )  # fmt: skip

    def of(self, kind: type, start: int = 0) -> list[Any]:
        return [x for x in self.facts[start:] if isinstance(x, kind)]

    async def until(self, condition: Callable[[], object], what: str, within: float = 10.0) -> None:
        deadline = time.monotonic() + within
        while not condition():
            if self._task is not None and self._task.done():
                self._task.result()
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.kind}: not within {within} s: {what}; facts: {self.facts}")
            await asyncio.sleep(0.005)


class FakeBench(Bench):
    kind = "fake"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.spool = folder
        self.fake = FakeSwitch("fake", folder, now)
        self.switch = self.fake

    async def __aenter__(self) -> Self:
        return self

    async def dial(self) -> None:
        (t1, u1), (t2, u2) = self.users
        self.fake.call(Party(Side.INTERNAL, t1, u1, u1), Party(Side.INTERNAL, t2, u2, u2))

    async def hang_up(self) -> None:
        self.fake.hang_up(*list(self.fake.legs))

    async def cut(self) -> None:
        self.fake.disconnect()

    async def mend(self) -> None:
        self.fake.reconnect()


class ScriptedFreeSwitchBench(Bench):
    """The events of capture 01, as FreeSWITCH sent them, from a server that can record."""

    kind = "freeswitch"
    users = (("test.io", "101"), ("test.io", "102"))

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.spool = folder
        self.esl = ScriptedEsl(folder)
        self._rest: list[Event] = []

    async def __aenter__(self) -> Self:
        await self.esl.__aenter__()
        self.switch = FreeSwitch(self.esl.config(), new_id, now)
        return self

    async def __aexit__(self, *end: object) -> None:
        await super().__aexit__(*end)
        await self.esl.stop()

    async def dial(self) -> None:
        recorded = [e for e in esl_captured.events("01") if not e["Event-Name"].startswith("RECORD_")]
        up = next(n for n, e in enumerate(recorded) if e["Event-Name"] == "CHANNEL_BRIDGE") + 1
        self.esl.play(recorded[:up])
        self._rest = recorded[up:]

    async def hang_up(self) -> None:
        self.esl.play(self._rest)

    async def cut(self) -> None:
        await self.esl.stop()

    async def mend(self) -> None:
        await self.esl.__aenter__()


class ScriptedAsteriskBench(Bench):
    """The events of capture 01, as Asterisk sent them, from a server that can record."""

    kind = "asterisk"
    EVENTS = ("Newchannel", "Newstate", "NewConnectedLine", "DialBegin", "DialEnd", "BridgeEnter",
              "BridgeLeave", "Hangup")  # fmt: skip

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.spool = folder
        self.ami = ScriptedAmi(folder)
        self._rest: list[dict[str, str | list[str]]] = []

    async def __aenter__(self) -> Self:
        await self.ami.__aenter__()
        self.switch = AsteriskSwitch(self.ami.config(default_tenant="acme.test"), new_id, now)
        return self

    async def __aexit__(self, *end: object) -> None:
        await super().__aexit__(*end)
        await self.ami.__aexit__(None)

    async def dial(self) -> None:
        data = ami_captured.capture_bytes("01")
        recorded = [dict(e) for e in ami_captured.events(data) if e.get("Event") in self.EVENTS]
        ends = [n for n, e in enumerate(recorded) if e["Event"] == "BridgeEnter"][1] + 1
        self._play(recorded[:ends])
        self._rest = recorded[ends:]

    async def hang_up(self) -> None:
        self._play(self._rest)

    async def cut(self) -> None:
        await self.ami.__aexit__(None)

    async def mend(self) -> None:
        await self.ami.__aenter__()

    def _play(self, events: list[dict[str, str | list[str]]]) -> None:
        """Send these, now, and keep what CoreShowChannels would list."""
        for event in events:
            leg, rows = event.get("Uniqueid"), self.ami.rows
            match event["Event"]:
                case "Newchannel":
                    rows.append({**event, "Duration": "00:00:01", "Application": "Dial"})
                case "Hangup":
                    rows[:] = [row for row in rows if row["Uniqueid"] != leg]
                    self.ami.monitors.pop(str(event["Channel"]), None)
                case "BridgeEnter" | "BridgeLeave" | "Newstate":
                    for row in rows:
                        if row["Uniqueid"] == leg:
                            row |= {k: v for k, v in event.items() if k != "Event"}
                            row["BridgeId"] = (
                                event["BridgeUniqueid"] if event["Event"] == "BridgeEnter" else ""
                            )
            self.ami.clock = time.time()
            self.ami.send({**event, "Timestamp": f"{self.ami.clock:.6f}"})


class Relay:
    """A TCP relay in front of a real switch's control port, which can be cut and mended."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.host, self.port = "127.0.0.1", 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in self._writers:
                writer.transport.abort()
            self._writers.clear()
            await self._server.wait_closed()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        self._writers += [writer, back]
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                sink.write(data)
        sink.close()


class RealBench(Bench):
    """A real switch with two phones, reached through a relay."""

    def __init__(self, lab: Lab) -> None:
        super().__init__()
        self.kind, self.spool, self._lab = lab.kind, lab.spool, lab  # type: ignore[misc]
        self._relay = Relay(lab.control_host, lab.control_port)
        base = lab.sip_host.rpartition(".")[0]
        self._phones = {
            user: Phone(
                user, f"{base}.{ip}", (lab.sip_host, lab.sip_port), lab.users[user][0], domain="acme.test"
            )
            for user, ip in (("101", 11), ("102", 12))
        }
        self._dialog: Dialog | None = None

    async def __aenter__(self) -> Self:
        await self._relay.open()
        settings: dict[str, Any] = {
            "name": self.kind, "kind": self.kind, "host": self._relay.host, "port": self._relay.port,
            "password": self._lab.password, "spool": self.spool,
        }  # fmt: skip
        if self.kind == "freeswitch":
            self.switch = FreeSwitch(FreeSwitchConfig.model_validate(settings), new_id, now)
        else:
            self.switch = AsteriskSwitch(AsteriskConfig.model_validate(settings), new_id, now)
        for phone in self._phones.values():
            await phone.start()
            await phone.register()
        return self

    async def __aexit__(self, *end: object) -> None:
        for phone in self._phones.values():
            await phone.close()
        await super().__aexit__(*end)
        await self._relay.cut()

    async def dial(self) -> None:
        self._dialog = await self._phones["101"].call("102")

    async def hang_up(self) -> None:
        assert self._dialog is not None
        await self._dialog.hangup()

    async def cut(self) -> None:
        await self._relay.cut()

    async def mend(self) -> None:
        await self._relay.open()
