"""What `tapeline serve` does to its process before it works."""

import contextlib
import gc
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from controller import cli


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
    async def assembled(config: object) -> AsyncIterator[Parts]:
        yield Parts()

    monkeypatch.setattr(cli, "assembled", assembled)
    monkeypatch.setattr(cli, "set_up_logging", lambda level: None)
    config = tmp_path / "tapeline.toml"
    config.write_text("")
    before = len(gc.get_objects())
    cli.serve(config)
    assert left_to_collect[0] < before / 20


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(tmp_path: Path, how: signal.Signals) -> None:
    """Not by the signal itself: the engine's last state must reach the catalog before."""
    config = tmp_path / "tapeline.toml"
    (tmp_path / "spool").mkdir()
    config.write_text(
        f"""
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
        process.send_signal(how)
        assert process.wait(30) == 0, said  # no measure of speed: a busy machine takes its time
    finally:
        process.kill()
        process.wait()
