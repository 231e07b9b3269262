"""What a killed test leaves of its PostgreSQL is cleared away by the next one, and nothing else is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from . import cluster, leftovers

ROOT = Path(__file__).parents[2]
#: An owner that says that it is there, and then waits to be killed.
OWNER = """
import sys, time
from pathlib import Path
from tests.catalog import leftovers
home = Path(sys.argv[1])
home.mkdir()
lock = leftovers.own(home)
print("owned", flush=True)
time.sleep(600)
"""
#: The same with a server: (its folder, the server's process).
SERVER = """
import time
from pathlib import Path
from tests.catalog import cluster
with cluster.started(cluster.programs()) as running:
    print(running._home, (running._home / "data/postmaster.pid").read_text().split()[0], flush=True)
    time.sleep(600)
"""


def begun(code: str, *arguments: str) -> tuple[subprocess.Popen[str], list[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    return process, process.stdout.readline().split()


def ended(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_only_what_nobody_owns_any_more_goes(tmp_path: Path) -> None:
    gone, living = tmp_path / f"{leftovers.PREFIX}gone", tmp_path / f"{leftovers.PREFIX}living"
    killed, said = begun(OWNER, str(gone))
    alive, said_too = begun(OWNER, str(living))
    try:
        assert said == said_too == ["owned"]
        assert leftovers.clear(tmp_path) == []
        ended(killed)
        assert leftovers.clear(tmp_path) == [gone]
        assert (gone.exists(), living.exists()) == (False, True)
    finally:
        ended(killed)
        ended(alive)
    assert leftovers.clear(tmp_path) == [living]


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    unowned = tmp_path / f"{leftovers.PREFIX}unowned"  # just made, or made before there were owners
    unowned.mkdir()
    other = tmp_path / f"{leftovers.PREFIX}other"
    other.mkdir()
    linked = tmp_path / f"{leftovers.PREFIX}linked"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.close(leftovers.own(elsewhere))
    linked.symlink_to(elsewhere)
    pointing = tmp_path / f"{leftovers.PREFIX}pointing"
    pointing.mkdir()
    (pointing / leftovers.OWNER).symlink_to(elsewhere / leftovers.OWNER)
    os.close(leftovers.own(other))
    if os.geteuid() == 0:
        os.chown(other / leftovers.OWNER, 12345, -1)
    else:
        (other / leftovers.OWNER).unlink()
    assert leftovers.clear(tmp_path) == []
    assert all(path.exists() for path in (unowned, other, linked, pointing, elsewhere / leftovers.OWNER))


def test_a_number_that_is_another_process_by_now_is_not_ended(tmp_path: Path) -> None:
    home = tmp_path / f"{leftovers.PREFIX}old"
    (home / "data").mkdir(parents=True)
    os.close(leftovers.own(home))
    with subprocess.Popen(["sleep", "600"], cwd=tmp_path) as innocent:
        (home / "data/postmaster.pid").write_text(f"{innocent.pid}\n{home}/data\n")
        try:
            assert leftovers.clear(tmp_path) == [home]
            assert innocent.poll() is None
        finally:
            innocent.kill()


@pytest.mark.skipif(cluster.programs() is None, reason="no PostgreSQL is installed")
def test_the_server_of_a_killed_test_is_ended_by_the_next_start() -> None:
    killed, said = begun(SERVER)
    home, pid = Path(said[0]), int(said[1])
    try:
        assert leftovers._server(home / "data") == pid
        ended(killed)
        assert Path(f"/proc/{pid}/cwd").readlink() == home / "data"  # it outlives its owner
        programs = cluster.programs()
        assert programs is not None
        with cluster.started(programs) as running:
            assert not home.exists()
            assert leftovers._server(home / "data") is None
            leftovers.clear(cluster.PLACE)
            assert running._home.exists()  # one that is alive is nobody's to clear
        assert not running._home.exists()
    finally:
        ended(killed)
        if home.exists() and leftovers._server(home / "data") == pid:
            os.kill(pid, signal.SIGQUIT)
