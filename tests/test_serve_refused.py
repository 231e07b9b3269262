"""What keeps `tapeline serve` from starting is said in one sentence that names the setting."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from controller.catalog.database import DatabaseUnavailable
from controller.catalog.sole import only_controller

START_S = 60


def refused(folder: Path, port: int = 0) -> str:
    """The sentence with which a controller of this folder ends, on one line."""
    (folder / "spool").mkdir()
    config = folder / "tapeline.toml"
    config.write_text(
        f"""
        [web]
        port = {port}
        secret_file = "{folder}/secret"
        [database]
        url = "sqlite+aiosqlite:///{folder}/catalog.sqlite"
        [storage]
        path = "{folder}/store"
        [[switches]]
        kind = "asterisk"
        name = "pbx"
        port = 9
        password = "x"
        spool = "{folder}/spool"
        """
    )
    command = [sys.executable, "-m", "controller", "serve", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=START_S, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    [sentence] = [
        part for part in done.stderr.split("tapeline: ") if part.strip() and not part.startswith("{")
    ]
    return " ".join(sentence.split())


def test_a_second_controller_on_the_same_sqlite_file(tmp_path: Path) -> None:
    with only_controller(f"sqlite+aiosqlite:///{tmp_path}/catalog.sqlite"):
        said = refused(tmp_path)
    assert said.startswith(f"database.url: the controller with process id {os.getpid()} works with the")
    assert said.endswith("put the catalog on PostgreSQL, where several share the switches")


def test_the_first_start_makes_the_folder_of_its_catalog(tmp_path: Path) -> None:
    with only_controller(f"sqlite+aiosqlite:///{tmp_path}/data/of/catalog.sqlite"):
        assert (tmp_path / "data/of").is_dir()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    url = f"sqlite+aiosqlite:///{tmp_path}/data/catalog.sqlite"
    with (
        pytest.raises(DatabaseUnavailable, match=r"^database\.url: .*/catalog\.sqlite"),
        only_controller(url),
    ):
        pass


def test_the_lock_goes_with_its_controller(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/catalog.sqlite"
    for _ in range(2):
        with only_controller(url):
            pass
    with only_controller("postgresql+asyncpg://x@y/z"), only_controller("postgresql+asyncpg://x@y/z"):
        pass


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused(tmp_path, port)
    assert said.startswith(f"web.port: cannot listen on 127.0.0.1:{port}")
    assert said.endswith("Set web.port to another one")


def test_a_secret_that_is_too_short(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("short\n")
    assert refused(tmp_path).startswith("web.secret_file: ")


def test_a_secret_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    assert refused(tmp_path).startswith("web.secret_file: cannot use ")


@pytest.mark.parametrize("what", ["a file", "a link to nowhere"])
def test_a_store_that_cannot_be_made(tmp_path: Path, what: str) -> None:
    store = tmp_path / "store"
    if what == "a file":
        store.write_text("not a folder")
    else:
        store.symlink_to(tmp_path / "nowhere" / "store")
    assert refused(tmp_path).startswith("storage.path: cannot make ")
