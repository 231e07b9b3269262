"""``tapeline jobs``: list, show, retry, cancel, nodes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controller.catalog import SqlCatalog
from controller.core.formats import FormatChoice
from controller.core.media_kinds import Kind
from controller.core.options import TenantOptions
from controller.core.rules import Setting
from controller.engine.jobs import Lane, Limits, Node, Outcome
from controller.engine.media_ports import FileRole, MediaState, StoredFile
from controller.engine.reading import TenantSettings
from tests.jobs.world import TENANT, ended_call, now

from .conftest import Tapeline


@pytest.fixture
def failing(tapeline: Tapeline) -> Tapeline:
    """``r1`` has failed once, ``r2`` waits, ``r3`` can be played and is done with."""

    async def make(catalog: SqlCatalog) -> None:
        await catalog.set_tenant(TenantSettings(TENANT, Setting.ON, Setting.ON))
        calls = [ended_call(f"r{n}", (0, 1), late_s=n) for n in (1, 2, 3)]
        await catalog.save("fs", calls, {})
        await catalog.set_media_state("r3", MediaState.AVAILABLE)
        await catalog.beat(Node("n1", "here", 1, 1, ("fs",), now(), now()))
        [first, _] = await catalog.candidates(Lane.SOUND, ["fs"], 10)
        [job] = await catalog.claim("n1", [first], Limits(), 1)
        await catalog.set_media_state("r1", MediaState.FAILED, error="the disk is full")
        await catalog.settle(
            "n1", job, Outcome("the disk is full"), next_at=now() + timedelta(minutes=9, seconds=58)
        )

    tapeline.within(make)
    return tapeline


def test_list_says_what_failed_and_what_happens_next(failing: Tapeline) -> None:
    told = failing.run("jobs", "list")
    assert "It is tried again in 10 min" in told
    assert "the disk is full" in told
    assert "1 retrying, 1 waiting" in told
    assert [j["recording_id"] for j in failing.json("jobs", "list")["jobs"]] == ["r2", "r1"]
    assert [j["recording_id"] for j in failing.json("jobs", "list", "--state", "retrying")["jobs"]] == ["r1"]
    assert failing.json("jobs", "list", "--tenant", "nobody.example")["jobs"] == []


def test_show_and_retry(failing: Tapeline) -> None:
    shown = failing.json("jobs", "show", "r1")
    assert (shown["state"], shown["tries"], shown["error"], shown["steps"]) == (
        "retrying", 1, "the disk is full", [],
    )  # fmt: skip
    assert shown["next_at"] is not None
    assert "1 will be tried" in failing.run("jobs", "retry", "--failed", "--tenant", TENANT)
    assert failing.json("jobs", "show", "r1")["next_at"] is None
    assert "1 will be tried" in failing.run("jobs", "retry", "r3")
    assert failing.json("jobs", "show", "r3")["phase"] == "finishing"
    assert "1 cancelled" in failing.run("jobs", "cancel", "r3")
    assert failing.json("jobs", "show", "r3")["state"] == "cancelled"


@pytest.mark.parametrize("chosen", [FormatChoice.MP3, FormatChoice.SYSTEM])
def test_what_lacks_its_format_is_taken_up_again(failing: Tapeline, chosen: FormatChoice) -> None:
    """The encoder was installed since: "kept as WAV" was the end of it before."""

    def stored(recording_id: str, role: FileRole, format: str) -> StoredFile:
        key = f"{recording_id}.{role}.{format}"
        return StoredFile(recording_id, role, 0, key, format, 9, "ab", 1000, 1, 8000)

    async def make(catalog: SqlCatalog) -> None:
        options = TenantOptions(format=chosen)
        await catalog.set_tenant(TenantSettings(TENANT, Setting.ON, Setting.ON, options=options))
        calls = [ended_call(f"r{n}", (0, 1), late_s=n) for n in (4, 5, 6)]
        await catalog.save("fs", [*calls, ended_call("film", (0, 1), kind=Kind.VIDEO)], {})
        for recording_id in ("r4", "r5", "r6", "film"):
            await catalog.set_media_state(recording_id, MediaState.AVAILABLE)
            await catalog.add_file(stored(recording_id, FileRole.RENDITION, "wav"))
        await catalog.add_file(stored("r4", FileRole.ENCODED, "mp3"))
        await catalog.add_file(stored("r5", FileRole.ENCODED, "flac"))  # the choice of before

    failing.within(make)
    assert "0 will be tried" in failing.run("jobs", "retry", "--without-format", "--tenant", "nobody.example")
    told = failing.run("jobs", "retry", "--without-format", "--tenant", TENANT)
    if chosen is FormatChoice.SYSTEM:  # which is WAV here
        assert "0 will be tried" in told
        return
    assert "2 will be tried" in told  # r3 has no file to be encoded
    for recording_id in ("r5", "r6"):
        shown = failing.json("jobs", "show", recording_id)
        assert (shown["phase"], shown["state"]) == ("finishing", "waiting")
    assert "nothing is known" in failing.refused("jobs", "show", "r4")
    assert "nothing is known" in failing.refused("jobs", "show", "film")


def test_what_is_refused(failing: Tapeline) -> None:
    assert "nothing is known" in failing.refused("jobs", "show", "r9")
    assert "no finishing that could be cancelled" in failing.refused("jobs", "cancel", "r1")
    assert "say which" in failing.refused("jobs", "retry")
    assert "say which" in failing.refused("jobs", "retry", "r1", "--failed")
    assert "say which" in failing.refused("jobs", "retry", "--without-format", "--failed")
    assert "no recordings" in failing.refused("jobs", "retry", "r1", "r9")


def test_nodes(failing: Tapeline) -> None:
    assert "n1  last heard of" in failing.run("jobs", "nodes")
    assert failing.json("jobs", "nodes")[0]["switches"] == ["fs"]
