"""A small FreeSWITCH for tests: an event socket that knows channels and recordings, and can misbehave."""

from __future__ import annotations

import asyncio
import json
import wave
from collections.abc import Iterable
from pathlib import Path

from controller.config import FreeSwitchConfig
from controller.switches.freeswitch.connection import Event

OK = "+OK Success\n"
#: What an operator plays on the channel, as FreeSWITCH tells of it: that is no XML.
OTHERS = "<media-bug><function>displace</function><target>http://host/a?b=1&c=2</target></media-bug>"
HOST = "127.0.20.50"


class ScriptedEsl:
    """``async with ScriptedEsl(spool) as esl``; ``esl.config()`` is for the adapter under test.

    `play` sends events (captured ones, say) and folds them into ``channels``, which the api
    commands answer from; ``captures`` holds leg → {path: masked}.
    """

    def __init__(self, spool: Path, password: str = "right") -> None:
        self.spool, self.password = spool, password
        self.greeting = b"Content-Type: auth/request\n\n"
        self.channels: dict[str, dict[str, str]] = {}
        self.captures: dict[str, dict[str, bool]] = {}
        self.commands: list[str] = []
        #: What a command begins with that is never answered (a real switch would not answer those
        #: after it either: a heartbeat will notice), and background jobs that never end.
        self.silent: tuple[str, ...] = ()
        self.endless_jobs: tuple[str, ...] = ()
        self.refused: dict[str, str] = {}  # what an api command begins with → its answer
        #: Nothing is read from whoever has asked for events, which go on.
        self.busy_with_events = False
        self.frozen = False  # reads nothing and says nothing, as a stopped process does
        self.connections = 0
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []
        #: Those that have asked for events.
        self._subscribed: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> ScriptedEsl:
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Listen no more; a second ``async with`` (or `__aenter__`) opens the same port again."""
        if self._server is not None:
            self._server.close()
            self.drop()
            await self._server.wait_closed()
            self._server = None

    def config(self, **settings: object) -> FreeSwitchConfig:
        return FreeSwitchConfig.model_validate(
            {
                "kind": "freeswitch", "name": "fs", "host": HOST, "port": self.port, "password": "right",
                "spool": self.spool, "command_timeout_ms": 300,
            }
            | settings
        )  # fmt: skip

    # ── what the switch says ──────────────────────────────────────────────────────────────

    def send(self, data: bytes) -> None:
        """Raw bytes to whoever has asked for events, or to all where nobody has."""
        for writer in self._subscribed or self._writers:
            if not self.frozen:
                writer.write(data)

    def play(self, events: Iterable[Event]) -> None:
        for event in events:
            self._fold(event)
            self.send(event_frame(event))

    def drop(self, which: int | None = None) -> None:
        """All connections, or the one that was made as this one of them."""
        for number, writer in enumerate(list(self._writers)):
            if which in (None, number):
                writer.transport.abort()
        if which is not None:
            del self._writers[which]
            return
        self._writers.clear()
        self._subscribed.clear()

    def _fold(self, event: Event) -> None:
        leg = event.get("Unique-ID", "")
        match event["Event-Name"]:
            case "CHANNEL_CREATE" | "CHANNEL_ANSWER" | "CHANNEL_HOLD" | "CHANNEL_UNHOLD":
                self.channels[leg] = dict(event)
            case "CHANNEL_BRIDGE":
                a, b = event["Bridge-A-Unique-ID"], event["Bridge-B-Unique-ID"]
                for one, other in ((a, b), (b, a)):
                    if one in self.channels:
                        self.channels[one] |= {
                            "variable_bridge_uuid": other, "Channel-State": "CS_EXECUTE",
                            "Answer-State": "answered",
                        }  # fmt: skip
            case "CHANNEL_UNBRIDGE":
                for one in (event["Bridge-A-Unique-ID"], event["Bridge-B-Unique-ID"]):
                    self.channels.get(one, {}).pop("variable_bridge_uuid", None)
            case "CHANNEL_HANGUP_COMPLETE":
                for path in self.captures.pop(leg, {}):
                    self.send(event_frame(record_stop(leg, path)))
                self.channels.pop(leg, None)

    # ── what it is told ───────────────────────────────────────────────────────────────────

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            writer.write(self.greeting)
            authenticated = False
            while True:
                message = await self._message(reader)
                while self.busy_with_events and writer in self._subscribed:
                    await asyncio.sleep(0.01)
                self.commands.append(message)
                if message.startswith(self.silent) and self.silent:
                    continue
                if message.startswith("auth "):
                    authenticated = message == f"auth {self.password}"
                    writer.write(reply("+OK accepted" if authenticated else "-ERR invalid"))
                    if not authenticated:
                        return
                elif not authenticated:
                    writer.write(reply("-ERR command not found"))
                else:
                    self._answer(writer, message)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _message(self, reader: asyncio.StreamReader) -> str:
        """Lines up to an empty one. A lone line end before it is a nudge and means nothing."""
        lines: list[str] = []
        while True:
            while self.frozen:
                await asyncio.sleep(0.01)
            line = (await reader.readuntil(b"\n")).decode().rstrip("\n")
            if line:
                lines.append(line)
            elif lines:
                return "\n".join(lines)

    def _answer(self, writer: asyncio.StreamWriter, message: str) -> None:
        verb, _, rest = message.partition(" ")
        if verb == "event":
            self._subscribed.append(writer)
        if verb == "api":
            answer = self._api(rest).encode()
            writer.write(b"Content-Type: api/response\nContent-Length: %d\n\n%s" % (len(answer), answer))
        elif verb == "bgapi":
            command, _, header = rest.partition("\nJob-UUID: ")
            writer.write(reply(f"+OK Job-UUID: {header}"))
            if self.endless_jobs and command.startswith(self.endless_jobs):
                return
            result = self._api(command)
            self.send(event_frame({"Event-Name": "BACKGROUND_JOB", "Job-UUID": header, "_body": result}))
        else:
            writer.write(reply("+OK"))

    def _api(self, text: str) -> str:
        for begin, answer in self.refused.items():
            if text.startswith(begin):
                return answer
        verb, *arguments = text.split(" ")
        match verb, arguments:
            case "version", _:
                return "1.10.12-scripted"
            case "hostname", _:
                return "scripted"
            case "show", ["channels", "as", "json"]:
                rows = [
                    {"uuid": leg, "direction": c.get("Call-Direction"), "name": c.get("Channel-Name")}
                    for leg, c in self.channels.items()
                ]
                return json.dumps({"row_count": len(rows)} | ({"rows": rows} if rows else {}))
            case "uuid_dump", [leg, "json"]:
                return json.dumps(self.channels[leg]) if leg in self.channels else "-ERR No such channel!\n"
            case "uuid_buglist", [leg]:
                bugs = "".join(
                    f"<media-bug><function>session_record</function><target>{path}</target></media-bug>"
                    for path in self.captures.get(leg, {})
                )
                there = leg in self.channels
                return f"<media-bugs>{OTHERS}{bugs}</media-bugs>" if there else "-ERR No such channel!\n"
            case "uuid_getvar", [leg, variable]:
                if leg not in self.channels:
                    return "-ERR No such channel!\n"
                return self.channels[leg].get(f"variable_{variable}", "_undef_")
            case "uuid_setvar", [leg, variable, *value]:
                if leg in self.channels:
                    self.channels[leg][f"variable_{variable}"] = " ".join(value)
                    return OK
                return "-ERR No such channel!\n"
            case "uuid_setvar_multi", [leg, settings]:
                if leg in self.channels:
                    for variable, _, value in (each.partition("=") for each in settings.split(";")):
                        self.channels[leg][f"variable_{variable}"] = value
                    return OK
                return "-ERR No such channel!\n"
            case "uuid_record", [leg, what, path]:
                return self._record(leg, what, path)
        return "-ERR command not found\n"

    def _record(self, leg: str, what: str, path: str) -> str:
        if leg not in self.channels:
            return "-ERR Cannot locate session!\n"
        running = self.captures.setdefault(leg, {})
        if what == "start":
            running[path] = False
            file = Path(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            with wave.open(str(file), "wb") as out:
                out.setparams((2, 2, 8000, 0, "NONE", ""))
                out.writeframes(bytes(3200))
            return OK
        if path not in running:
            return f"-ERR Cannot {what} record session!\n"
        if what == "stop":
            del running[path]
            self.send(event_frame(record_stop(leg, path)))
        else:
            running[path] = what == "mask"
        return OK


def reply(text: str) -> bytes:
    return f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode()


def event_frame(event: Event) -> bytes:
    body = json.dumps(event, ensure_ascii=False).encode()
    return b"Content-Length: %d\nContent-Type: text/event-json\n\n%s" % (len(body), body)


def record_stop(leg: str, path: str) -> Event:
    return {
        "Event-Name": "RECORD_STOP", "Unique-ID": leg, "Record-File-Path": path,
        "Record-Completion-Cause": "success-silence",
    }  # fmt: skip
