"""`tapeline doctor` as people use it: what it prints, what it ends with, and what it says of this machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from controller import cli, doctor
from controller.cli import examine as command
from controller.config import Config
from controller.core.media_kinds import BOTH, Operation, Verb
from controller.core.options import TenantOptions, Transcripts
from controller.engine.ports import Check
from controller.engine.reading import TenantSettings
from controller.media.errors import NoEncoder
from controller.switches.tenant_codes import DEFAULTS, Codes

Found = list[tuple[str, list[Check]]]


def config(folder: Path, **sections: Any) -> Config:
    return Config.model_validate(
        {
            "database": {"url": f"sqlite+aiosqlite:///{folder}/tapeline.db"},
            "storage": {"path": folder / "recordings"},
        }
        | sections
    )


def told(monkeypatch: pytest.MonkeyPatch, found: Found, *words: str) -> tuple[int, str]:
    """(exit status, what is printed) for these findings."""

    async def examine(settings: Config) -> Found:
        return found

    monkeypatch.setattr(command, "examine", examine)
    result = CliRunner().invoke(cli.app, ["doctor", *words], env={"COLUMNS": "200", "NO_COLOR": "1"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


# ── the command ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text", ["write= of [tapeline] in manager.conf", "[/etc/x]", "[bold]x[/]", "[red]", "a\\[b]"]
)
def test_brackets_of_a_switch_s_text_are_printed_as_they_are(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    findings = [Check(f"what {text}", False, f"found {text}", f"mend {text}")]
    status, output = told(monkeypatch, [(f"about {text}", findings)])
    assert status == 1
    for word in ("about", "what", "found", "mend"):
        assert f"{word} {text}" in output


def test_its_exit_status_says_whether_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    fine, bad = Check("a", True, "there"), Check("b", False, "missing", "add it")
    status, output = told(monkeypatch, [("one", [fine]), ("two", [fine])])
    assert (status, output.count("ok   a - there")) == (0, 2)
    assert "BAD" not in output
    status, output = told(monkeypatch, [("one", [fine]), ("two", [fine, bad])])
    assert status == 1
    assert "BAD  b - missing" in output
    assert "→ add it" in output


def test_json_for_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    status, output = told(
        monkeypatch, [("one", [Check("a", True, "[x]")]), ("two", [Check("b", False, "-", "c")])], "--json"
    )
    assert status == 1
    assert json.loads(output) == {
        "ok": False,
        "findings": {
            "one": [{"what": "a", "ok": True, "found": "[x]", "mend": ""}],
            "two": [{"what": "b", "ok": False, "found": "-", "mend": "c"}],
        },
    }


def test_on_a_machine_of_its_own(tmp_path: Path) -> None:
    """The whole command, nothing replaced: no switch is configured, and that is what it says."""
    environ = {
        "TAPELINE_DATABASE__URL": f"sqlite+aiosqlite:///{tmp_path}/tapeline.db",
        "TAPELINE_STORAGE__PATH": str(tmp_path / "recordings"),
    }
    result = CliRunner().invoke(cli.app, ["doctor", "--json"], env=environ)
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    machine = {c["what"]: c["ok"] for c in found["findings"]["this machine"]}
    assert machine["database"]
    assert machine["storage"]
    assert found["findings"]["switches"] == [
        {"what": "switches", "ok": False, "found": "none is configured", "mend": "add a [[switches]] section"}
    ]


# ── this machine ──────────────────────────────────────────────────────────────────────────────


async def machine(settings: Config) -> dict[str, Check]:
    found = dict(await doctor.examine(settings))
    return {c.what: c for c in found["this machine"]}


async def test_a_database_that_is_away(tmp_path: Path) -> None:
    away = config(tmp_path, database={"url": "postgresql+asyncpg://nobody@127.0.0.1:9/nothing"})
    check = (await machine(away))["database"]
    assert not check.ok
    assert "database.url" in check.mend


async def test_a_store_that_cannot_be_written_or_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    check = (await machine(config(tmp_path)))["storage"]
    assert (check.ok, "cannot be written" in check.found) == (False, True)
    assert "storage.path" in check.mend
    monkeypatch.undo()
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage._replace(free=1023 * 2**20))
    check = (await machine(config(tmp_path)))["storage"]
    assert (check.ok, "1,023 MiB free" in check.found) == (False, True)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage._replace(free=1025 * 2**20))
    assert (await machine(config(tmp_path)))["storage"].ok


@pytest.mark.parametrize("missing", ["ffmpeg", "ffprobe"])
async def test_without_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    which = shutil.which
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None if name == missing else which(name))
    check = (await machine(config(tmp_path)))["ffmpeg"]
    assert (check.ok, check.mend) == (False, "install the package ffmpeg")


async def test_a_format_that_nothing_here_can_make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = doctor.Encoders.tool

    def no_amr(self: Any, format: Any) -> Any:
        if format == "amr":
            raise NoEncoder("no encoder for AMR: install sox with AMR")
        return tool(self, format)

    monkeypatch.setattr(doctor.Encoders, "tool", no_amr)
    found = await machine(config(tmp_path))
    assert (found["format amr"].ok, found["format amr"].mend) == (False, "install sox with AMR")
    assert "kept as WAV" in found["format amr"].found
    assert found["format mp3"].ok


async def test_further_stores(tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.write_text("no folder")
    stores = [
        {"kind": "local", "name": "good", "path": tmp_path / "good"},
        {"kind": "local", "name": "bad", "path": file},
    ]
    found = dict(await doctor.examine(config(tmp_path, stores=stores)))
    assert [c.ok for c in found["store good (local)"]] == [True]
    [bad] = found["store bad (local)"]
    assert not bad.ok
    assert "storage.path" in bad.mend
    assert not [p for p in (tmp_path / "good").rglob("*") if p.is_file()], "what was tried is removed"


async def test_transcripts_without_a_model_and_those_that_nobody_makes(tmp_path: Path) -> None:
    on = {"enabled": True, "model": tmp_path / "no model"}
    [check] = dict(await doctor.examine(config(tmp_path, transcription=on)))["transcripts"]
    assert not check.ok
    assert check.mend
    settings = config(tmp_path)
    assert "transcripts" not in dict(await doctor.examine(settings))
    async with doctor.open_catalog(settings) as catalog:
        options = TenantOptions(transcripts=Transcripts.ON)
        await catalog.set_tenant(TenantSettings("acme.test", options=options))
    [check] = dict(await doctor.examine(settings))["transcripts"]
    assert (check.ok, check.mend) == (False, "set transcription.enabled")
    assert "acme.test" in check.found


@pytest.mark.parametrize("kind", ["freeswitch", "asterisk"])
async def test_each_switch_is_held_against_the_codes_of_the_catalog_s_tenants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    asked: list[Codes] = []

    async def examine(switch: Any, now: Any, codes: Codes) -> list[Check]:
        asked.append(codes)
        return []

    monkeypatch.setattr(doctor, f"examine_{kind}", examine)
    spool = tmp_path / "spool"
    settings = config(
        tmp_path, switches=[{"kind": kind, "name": "pbx", "password": "x" * 20, "spool": spool}]
    )
    await doctor.examine(settings)
    pause = Operation(Verb.PAUSE, BOTH)
    async with doctor.open_catalog(settings) as catalog:
        for tenant, code in (("acme.test", "*71"), ("beta.test", "#3")):
            options = TenantOptions(codes={code: pause, "*9": pause})
            await catalog.set_tenant(TenantSettings(tenant, options=options))
    await doctor.examine(settings)
    away = config(tmp_path, database={"url": "postgresql+asyncpg://nobody@127.0.0.1:9/nothing"})
    await doctor.examine(away.model_copy(update={"switches": settings.switches}))
    assert asked == [
        DEFAULTS, {"*71": ["acme.test"], "*9": ["acme.test", "beta.test"], "#3": ["beta.test"]}, DEFAULTS,
    ]  # fmt: skip


async def test_a_switch_whose_password_cannot_be_read(tmp_path: Path) -> None:
    switch = {
        "kind": "asterisk", "name": "pbx", "password_file": tmp_path / "none", "spool": tmp_path / "spool",
    }  # fmt: skip
    found = dict(await doctor.examine(config(tmp_path, switches=[switch])))
    [check] = found["switch pbx (asterisk)"]
    assert not check.ok
    assert "switches.pbx.password_file" in check.found
