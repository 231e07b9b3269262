"""The fence around panoramisk, against a scripted AMI and against random bytes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.switches.asterisk.connection import (
    AmiConnection,
    ConnectionLost,
    LoginRefused,
    UnsafeValue,
    _Protocol,
)
from controller.switches.asterisk.headers import Headers, text

from .captured import capture_bytes, events
from .scripted_ami import ScriptedAmi, encode

Eventually = Callable[..., Awaitable[None]]


@asynccontextmanager
async def connected(ami: ScriptedAmi) -> AsyncIterator[tuple[AmiConnection, list[Headers]]]:
    got: list[Headers] = []
    connection = AmiConnection("127.0.10.50", ami.port, "tapeline", "right", got.extend)
    try:
        await connection.open(1.0)
        yield connection, got
    finally:
        await connection.close()


async def test_logs_in_without_sending_the_password(tmp_path: Path) -> None:
    async with ScriptedAmi(tmp_path) as ami, connected(ami) as (connection, _):
        assert text(await connection.action("Ping", 1.0), "Ping") == "Pong"
        assert "right" not in str(ami.actions)


async def test_wrong_password_says_what_to_do(tmp_path: Path) -> None:
    async with ScriptedAmi(tmp_path, password="another") as ami:
        with pytest.raises(LoginRefused, match=r"Authentication failed.*manager\.conf"):
            async with connected(ami):
                pass
        assert len(ami.of("Login")) == 1, "a wrong password is not tried again by itself"


async def test_nobody_listening_says_what_to_check() -> None:
    connection = AmiConnection("127.0.10.50", 1, "tapeline", "right", lambda _: None)
    with pytest.raises(ConnectionLost, match=r"enabled=yes"):
        await connection.open(1.0)
    await connection.close()


async def test_a_peer_that_says_nothing_ends_the_login(tmp_path: Path) -> None:
    async with ScriptedAmi(tmp_path) as ami:
        ami.frozen = True
        connection = AmiConnection("127.0.10.50", ami.port, "tapeline", "right", lambda _: None)
        with pytest.raises(ConnectionLost, match="does not answer the login"):
            await connection.open(0.2)
        await connection.close()


async def test_every_action_has_a_deadline_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with ScriptedAmi(tmp_path) as ami, connected(ami) as (connection, _):
        ami.silent.add("MixMonitor")
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await connection.action("MixMonitor", 0.1, Channel="x", File="/y")
        assert time.monotonic() - began < 1.0
        assert connection._manager.protocol.responses == {}
        assert text(await connection.action("Ping", 1.0), "Response") == "Success", "the link still works"


async def test_what_is_pending_fails_when_the_link_breaks(tmp_path: Path) -> None:
    async with ScriptedAmi(tmp_path) as ami, connected(ami) as (connection, _):
        ami.silent.add("Ping")
        waiting = asyncio.create_task(connection.action("Ping", 30.0))
        while not ami.of("Ping"):
            await asyncio.sleep(0)
        ami.drop()
        with pytest.raises(ConnectionLost):
            await asyncio.wait_for(waiting, 2.0)
        assert await asyncio.wait_for(connection.closed, 1.0)
        with pytest.raises(ConnectionLost):
            await connection.action("Ping", 1.0)
        assert connection._manager.awaiting_actions == type(connection._manager.awaiting_actions)()


@pytest.mark.parametrize("value", ["x\r\nAction: Originate", "x\nVariable: y", "x\rz", "x\0y"])
async def test_line_ends_are_refused_before_anything_is_sent(tmp_path: Path, value: str) -> None:
    async with ScriptedAmi(tmp_path) as ami, connected(ami) as (connection, _):
        before = len(ami.actions)
        with pytest.raises(UnsafeValue):
            await connection.action("Setvar", 1.0, Channel="x", Variable="y", Value=value)
        with pytest.raises(UnsafeValue):
            await connection.action("UserEvent", 1.0, UserEvent="x", **{value: "y"})
        with pytest.raises(UnsafeValue):
            await connection.action("UserEvent", 1.0, UserEvent="x", **{"Action": "Reload"})
        with pytest.raises(ValueError, match="Reload"):
            await connection.action("Reload", 1.0)
        await connection.action("Ping", 1.0)
        assert [a["Action"] for a in ami.actions[before:]] == ["Ping"]


async def test_characters_split_over_segments_stay_whole(tmp_path: Path, eventually: Eventually) -> None:
    name = "Ünïcødé ☎ 名前"
    frame = encode({"Event": "Newchannel", "CallerIDName": name, "Uniqueid": "u"})
    async with ScriptedAmi(tmp_path) as ami, connected(ami) as (_, got):
        for byte in frame:
            ami.send(bytes([byte]))
            await asyncio.sleep(0)
        await eventually(lambda: got, "the event")
        assert text(got[0], "CallerIDName") == name


async def test_hostile_headers_stay_values(tmp_path: Path, eventually: Eventually) -> None:
    hostile = {
        "Event": ["Newchannel", "Shutdown"],  # twice: panoramisk 1.4 dies of it
        "ActionID": ["a", "b"],
        "CallerIDName": 'x" Event: Hangup, ${EVIL} \u2028Event: Hangup \n\nEvent: Hangup ' + "y" * 4000,
        "Uniqueid": "u1",
    }
    async with ScriptedAmi(tmp_path) as ami, connected(ami) as (connection, got):
        ami.send(hostile, b"Event: Bad\r\nName: \xff\xfe\r\n\r\n", b"\r\n\r\n\r\n\r\n", {"Event": "Last"})
        await eventually(lambda: got and text(got[-1], "Event") == "Last", "the last event")
        assert [text(e, "Event") for e in got] == ["Newchannel", "Bad", "Last"]
        assert text(got[0], "CallerIDName") == hostile["CallerIDName"]
        assert text(got[0], "Uniqueid") == "u1"
        assert text(got[1], "Name") == "\ufffd\ufffd"
        assert text(await connection.action("Ping", 1.0), "Response") == "Success"


async def test_an_endless_frame_ends_the_link_and_not_the_memory(tmp_path: Path) -> None:
    async with ScriptedAmi(tmp_path) as ami, connected(ami) as (connection, _):
        ami.send(b"Event: Endless\r\nName: ", b"x" * (2 << 20))
        assert "is not AMI" in await asyncio.wait_for(connection.closed, 5.0)


async def test_a_flood_is_taken_whole_and_in_order(tmp_path: Path, eventually: Eventually) -> None:
    async with ScriptedAmi(tmp_path) as ami, connected(ami) as (_, got):
        ami.send(b"".join(encode({"Event": "Newstate", "Number": str(n)}) for n in range(20_000)))
        await eventually(lambda: len(got) >= 20_000, "20,000 events", within=20.0)
        assert [int(text(e, "Number")) for e in got] == list(range(20_000))


@pytest.mark.parametrize("name", ["01", "05", "07", "09"])
async def test_captured_streams_arrive_as_they_were_sent(
    tmp_path: Path, eventually: Eventually, name: str
) -> None:
    expected = [e for e in events(capture_bytes(name)) if "Event" in e and "ActionID" not in e]
    stream = b"".join(encode(dict(e)) for e in expected)  # type: ignore[arg-type]
    async with ScriptedAmi(tmp_path) as ami, connected(ami) as (_, got):
        for start in range(0, len(stream), 1021):
            ami.send(stream[start : start + 1021])
        await eventually(lambda: len(got) >= len(expected), "all events")
        # panoramisk drops a frame's last header if it is empty; nothing of ours depends on one.
        cleaned = [{k: v for k, v in e.items() if v not in ("", "content")} for e in got]
        assert cleaned == [{k: v for k, v in e.items() if v != ""} for e in expected]


class _Sink:
    """Stands in for panoramisk's Manager, to feed the protocol without a socket."""

    forgetable_actions = ()
    save_stream = None

    def __init__(self) -> None:
        self.seen: list[str] = []

    def dispatch(self, message: object) -> None:
        self.seen.append(message.event)  # type: ignore[attr-defined]

    def connection_lost(self, _: object) -> None:
        self.seen.append("(lost)")


def fed(pieces: list[bytes]) -> tuple[list[str], list[str]]:
    bad: list[str] = []
    protocol = _Protocol(bad.append, lambda: None)
    sink = _Sink()
    protocol.connection_made(_Transport())
    protocol.factory, protocol.encoding = sink, "utf8"
    for piece in pieces:
        protocol.data_received(piece)
    return sink.seen, bad


class _Transport:
    def close(self) -> None:
        pass


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({c % (len(data) + 1) for c in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


FRAMES = st.lists(
    st.dictionaries(
        st.sampled_from(["Event", "Response", "ActionID", "Message", "EventList", "CallerIDName"]),
        st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)
        | st.lists(
            st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=5),
            min_size=1,
            max_size=3,
        ),
        min_size=1,
    ),
    max_size=8,
)


@given(FRAMES, st.lists(st.integers(0, 10**6), max_size=12))
def test_where_the_stream_is_cut_makes_no_difference(frames: list[dict], cuts: list[int]) -> None:
    data = b"".join(encode(frame) for frame in frames)
    assert fed(split(data, cuts)) == fed([data])


@given(
    st.lists(
        st.binary(max_size=200) | st.sampled_from([b"\r\n\r\n", b"Event: x\r\n", b"Response: "]), max_size=20
    )
)
def test_random_bytes_raise_nothing(pieces: list[bytes]) -> None:
    fed(pieces)


async def test_an_end_in_the_middle_of_a_frame_is_an_end(tmp_path: Path, eventually: Eventually) -> None:
    """What came whole before it is not lost, and what there is of the last is nobody's event."""
    async with ScriptedAmi(tmp_path) as ami, connected(ami) as (connection, got):
        whole = encode({"Event": "Newstate", "Uniqueid": "u1"})
        ami.send(whole + encode({"Event": "Hangup", "Uniqueid": "u1"})[:-6])
        await eventually(lambda: got, "the whole one")
        ami.drop()
        assert await asyncio.wait_for(connection.closed, 2.0)
        assert [text(e, "Event") for e in got] == ["Newstate"]
