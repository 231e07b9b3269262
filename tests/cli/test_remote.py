"""The commands that work over the REST API, against a real server."""

from __future__ import annotations

import asyncio
import json
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from controller.cli import app
from controller.cli.common import NotPossible
from controller.cli.remote import parties, time_of
from controller.engine.ids import now
from tests.web.conftest import password_hash, populated, world
from tests.web.serving import served
from tests.web.world import World

__all__ = ["password_hash", "populated", "world"]


class Remote:
    def __init__(self, url: str, token: str) -> None:
        self.environ = {"TAPELINE_URL": url, "TAPELINE_TOKEN": token, "COLUMNS": "250", "NO_COLOR": "1"}

    async def __call__(self, *words: str) -> str:
        result = await asyncio.to_thread(CliRunner().invoke, app, list(words), env=self.environ)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    async def json(self, *words: str) -> Any:
        return json.loads(await self(*words, "--json"))


@pytest.fixture
async def tapeline(world: World) -> AsyncIterator[Remote]:
    async with served(world) as url:
        yield Remote(url, world.tokens["red-admin"])


async def test_recordings_and_calls(world: World, tapeline: Remote, tmp_path: Path) -> None:
    red = world.recordings["red"]
    listed = await tapeline.json("recordings", "list", "user:102")
    assert red in {r["recording_id"] for r in listed}
    assert world.recordings["blue"] not in {r["recording_id"] for r in listed}
    assert len(await tapeline.json("recordings", "list", "--most", "1")) == 1
    table = await tapeline("recordings", "list")
    assert red in table
    assert "Anna Red" in table
    shown = await tapeline("recordings", "show", red)
    assert "rendition 0 (wav" in shown
    assert (await tapeline("recordings", "download", red, "--to", str(tmp_path))).strip().endswith(".wav")
    [file] = tmp_path.glob("*.wav")
    assert file.read_bytes() == world.sound[red]
    piece = tmp_path / "piece.wav"
    words = ("clip", red, "--from", "0.25", "--until-second", "0.75", "--to", str(piece))
    [told] = await tapeline.json("recordings", *words)
    assert told["size"] == piece.stat().st_size
    with wave.open(str(piece)) as sound:
        assert sound.getnframes() / sound.getframerate() == pytest.approx(0.5, abs=0.01)
    call = world.calls["red"]
    assert call in {c["call_id"] for c in await tapeline.json("calls", "list", "--party", "anna")}
    assert (await tapeline.json("calls", "show", call))["row"]["call_id"] == call
    assert "recording " + red in await tapeline("calls", "show", call)


async def test_live_calls_are_controlled(world: World, tapeline: Remote) -> None:
    call = world.calls["live-red"]
    assert [c["call_id"] for c in await tapeline.json("live", "list")] == [call]
    assert "confirmed by the switch" in await tapeline("live", "pause", call, "--kind", "audio")
    assert "paused" in await tapeline("live", "list")
    done = await tapeline.json("live", "resume", call, "--kind", "audio")
    assert (done["call_id"], done["confirmed"]) == (call, True)
    with pytest.raises(NotPossible, match="audio, video or both"):
        await tapeline("live", "pause", call, "--kind", "smell")


async def test_shares_groups_audit_and_reports(world: World, tapeline: Remote, tmp_path: Path) -> None:
    link = (await tapeline("share", "add", world.recordings["red"], "--label", "for the lawyer")).strip()
    assert "/s/" in link
    [share] = await tapeline.json("share", "list")
    assert share["label"] == "for the lawyer"
    await tapeline("share", "revoke", share["share_id"])
    assert "revoked" in await tapeline("share", "list")
    group = await tapeline.json("group", "add", "red.example", "Desk", "--user", "101", "--queue", "sales")
    assert [g["group_id"] for g in await tapeline.json("group", "list")] == [group["group_id"]]
    await tapeline("group", "remove", "red.example", group["group_id"])
    assert await tapeline.json("group", "list") == []
    lines = await tapeline.json("audit", "list", "--action", "group made")
    assert [e["subject"] for e in lines] == ["group Desk"]
    file = tmp_path / "audit.csv"
    await tapeline("audit", "export", "--to", str(file))
    assert "group Desk" in file.read_text()
    world.story.wait(1)
    until = ("--since", "2026-11-01", "--until", "2026-12-24")
    report = await tapeline.json("report", "--by", "user", *until)
    assert report["total"]["calls"] >= 3
    assert (await tapeline("report", "--by", "user", "--csv", *until)).count("\n") == len(report["rows"]) + 1
    assert json.loads(await tapeline("api", "GET", "users?limit=1"))["items"] is not None
    changed = await tapeline("api", "PATCH", "tenants/red.example", "--body", '{"audio": "on"}')
    assert json.loads(changed)["audio"] == "on"


async def test_errors_say_what_to_do(world: World, tapeline: Remote, tmp_path: Path) -> None:
    for environ, words, said in (
        ({"TAPELINE_URL": ""}, ("live", "list"), "TAPELINE_URL"),
        ({"TAPELINE_TOKEN": ""}, ("live", "list"), "TAPELINE_TOKEN"),
        ({"TAPELINE_TOKEN": "tl_wrong"}, ("live", "list"), "does not take the token"),
        ({"TAPELINE_URL": "http://127.0.0.1:9"}, ("share", "revoke", "x"), "does not answer"),
        ({}, ("recordings", "show", world.recordings["blue"]), "there is no such recording"),
        ({}, ("recordings", "list", "--since", "soon"), "is no time"),
        ({}, ("recordings", "list", "--sort", "loudest"), r"query\.sort"),
        ({}, ("recordings", "download", "a", "b", "--to", str(tmp_path / "one")), "is no folder"),
        ({}, ("recordings", "download", world.recordings["red"], "--to", "/nowhere/at/all.wav"), "/nowhere"),
        ({}, ("api", "GET", "settings/system"), "needs the permission"),
        ({}, ("api", "PATCH", "tenants/red.example", "--body", "{"), "no JSON"),
    ):
        asked = Remote("", "")
        asked.environ = {**tapeline.environ, **environ}
        with pytest.raises(NotPossible, match=said):
            await asked(*words)


def test_times_are_read_as_people_write_them() -> None:
    at = now()
    assert time_of(None, at) is None
    day = time_of("1d", at)
    assert day is not None
    assert (at - day).total_seconds() == 86400
    assert str(time_of("2026-11-22", at)) == "2026-11-22 00:00:00+00:00"
    assert str(time_of("2026-11-22T09:00:00+01:00", at)) == "2026-11-22 09:00:00+01:00"


def test_a_party_is_told_by_the_best_name_that_there_is() -> None:
    class Party:
        def __init__(self, name: str = "", number: str = "", user: str | None = None) -> None:
            self.name, self.number, self.user = name, number, user

    class Call:
        parties = (Party("Anna", "101", "101"), Party(number="+4930"), Party(user="102"), Party())

    assert parties(Call()) == "Anna → +4930 → 102 → ?"
