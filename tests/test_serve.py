"""What `tapeline serve` does to its process before it works."""

import contextlib
import gc
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from controller.cli import serve


@pytest.fixture
def unfrozen() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_what_was_imported_is_out_of_the_garbage_collector_before_the_first_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unfrozen: None
) -> None:
    """A full collection of it stops the event loop, and with it every pause, for more than 100 ms."""
    left_to_collect = []

    class Parts:
        async def run(self, on_ready: Callable[[str], None]) -> None:
            left_to_collect.append(len(gc.get_objects()))

    @contextlib.asynccontextmanager
    async def assembled(config: object, *, untraced: str) -> AsyncIterator[Parts]:
        yield Parts()

    async def prepare(*_: object) -> str:
        return ""

    monkeypatch.setattr(serve, "assembled", assembled)
    monkeypatch.setattr(serve, "prepare", prepare)
    monkeypatch.setattr(serve, "set_up_logging", lambda level: None)
    config = tmp_path / "tapeline.toml"
    config.write_text("")
    before = len(gc.get_objects())
    serve.serve_command(config)
    assert left_to_collect[0] < before / 20


@contextlib.contextmanager
def serving(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """`tapeline serve` in a process of its own, at work; and what it has said so far."""
    config = tmp_path / "tapeline.toml"
    (tmp_path / "spool").mkdir()
    config.write_text(
        f"""
        [jobs]
        nice = 0
        [web]
        port = 0
        secret_file = "{tmp_path}/secret"
        [database]
        url = "sqlite+aiosqlite:///{tmp_path}/catalog.sqlite"
        [storage]
        path = "{tmp_path}/store"
        [[switches]]
        kind = "asterisk"
        name = "pbx"
        host = "127.0.0.1"
        port = 9
        username = "tapeline"
        password = "x"
        spool = "{tmp_path}/spool"
        """
    )
    command = [sys.executable, "-m", "controller", "serve", "--config", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr
    try:
        said = ""
        for line in process.stderr:
            said += line
            if "switch.link" in line:
                break
        else:
            pytest.fail(f"it ended by itself: {said}")
        yield process, said
    finally:
        process.kill()
        process.wait()


def workers_of(process: "subprocess.Popen[str]") -> set[int]:
    children: list[int] = []
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended meanwhile
            children += map(int, (task / "children").read_text().split())
    return {p for p in children if b"worker_process" in Path(f"/proc/{p}/cmdline").read_bytes()}


def soon(condition: Callable[[], object], what: str, within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(tmp_path: Path, how: signal.Signals) -> None:
    """Not by the signal itself: the engine's last state must reach the catalog before."""
    with serving(tmp_path) as (process, said):
        process.send_signal(how)
        assert process.wait(30) == 0, said  # no measure of speed: a busy machine takes its time


def test_no_worker_outlives_a_controller_that_was_killed(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, _):
        soon(lambda: len(workers_of(process)) == 1, "it has a process that works on recordings")
        (worker,) = workers_of(process)
        process.kill()
        process.wait()
        soon(lambda: not Path(f"/proc/{worker}").exists(), "the worker has gone as well")
