"""`tapeline nodes` and the doctor, about controllers that share a catalog."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.catalog.leases import LeaseRows, lease_rows
from controller.catalog.sole import only_controller
from controller.cli import app
from controller.clustering import key_mark
from controller.config import load
from controller.doctor_nodes import examine_controllers
from controller.engine.leasing import Controller
from tests.catalog.conftest import NOW, database, empty_url, kind, postgres, server, url

__all__ = ["database", "empty_url", "kind", "postgres", "server", "url"]

SECRET = b"s" * 48
BERLIN = Controller(
    "berlin.1", "berlin", "http://127.0.0.1:1", ("switches",), ("pbx",), ("pbx",), key_mark(SECRET), "1",
    NOW, NOW,
)  # fmt: skip


@pytest.fixture
def config(url: str, tmp_path: Path) -> Path:
    file = tmp_path / "tapeline.toml"
    (tmp_path / "session.key").write_bytes(SECRET)
    file.write_text(
        f'[web]\nsecret_file = "session.key"\n[database]\nurl = "{url}"\n[[switches]]\nkind = "asterisk"\n'
        'name = "pbx"\npassword = "x"\nspool = "/var/spool/pbx"\n'
    )
    return file


@pytest.fixture
def listening() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def run(*words: str) -> str:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("kind", ["postgresql"])
@pytest.mark.postgres
async def test_the_doctor_and_the_list_tell_who_has_what(
    config: Path, url: str, database: object, listening: str
) -> None:
    settings, leases = load(config, {}), lease_rows(url)
    try:
        assert [(c.ok, c.found) for c in await examine_controllers(settings)] == [(True, "none runs now")]
        await found_by_the_doctor(settings, leases, listening)
    finally:
        await leases.close()


async def found_by_the_doctor(settings: object, leases: LeaseRows, listening: str) -> None:
    await leases.round(BERLIN, {}, 30)
    found = {c.what: c for c in await examine_controllers(settings)}  # type: ignore[arg-type]
    assert not found["controllers"].ok
    assert found["controllers"].found == "berlin drives no switch; nobody drives pbx"
    assert not found["controller berlin"].ok, "nobody listens there"
    await leases.acquire("pbx", "berlin.1", 30)
    await leases.round(replace(BERLIN, address=listening, key_mark="another"), {}, 30)
    found = {c.what: c for c in await examine_controllers(settings)}  # type: ignore[arg-type]
    assert (found["controllers"].ok, found["controllers"].found) == (True, "berlin drives pbx")
    assert found["controller berlin"].ok
    assert not found["controllers' secret"].ok


@pytest.mark.parametrize("kind", ["postgresql"])
@pytest.mark.postgres
def test_the_list_as_a_table_and_as_json(config: Path, url: str, kind: str) -> None:
    import asyncio

    async def prepare() -> None:
        leases = lease_rows(url)
        await leases.round(BERLIN, {}, 30)
        await leases.acquire("pbx", "berlin.1", 30)
        await leases.close()

    asyncio.run(prepare())
    [node] = json.loads(run("nodes", "--json", "--config", str(config)))["nodes"]
    assert (node["label"], node["holds"], node["prefers"]) == ("berlin", ["pbx"], ["pbx"])
    assert "berlin" in run("nodes", "--config", str(config))


@pytest.mark.parametrize("kind", ["sqlite"])
def test_with_sqlite_there_is_one(config: Path, url: str, kind: str) -> None:
    assert "does not run." in " ".join(run("nodes", "--config", str(config)).split())
    with only_controller(url):
        assert json.loads(run("nodes", "--json", "--config", str(config))) == {"nodes": [], "sole": True}
