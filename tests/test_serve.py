"""What `tapeline serve` does to its process before it works."""

import contextlib
import gc
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
