"""One bench a test for every implementation of `engine.ports.Switch`."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from controller.demo.asterisk_lab import AsteriskLab
from controller.demo.freeswitch_lab import FreeSwitchLab
from controller.demo.lab import LabUnavailable

from ..lanes import own
from .benches import Bench, FakeBench, RealBench, ScriptedAsteriskBench, ScriptedFreeSwitchBench

SIMPLE: dict[str, Callable[[Path], Bench]] = {
    "fake": FakeBench, "scripted-freeswitch": ScriptedFreeSwitchBench,
    "scripted-asterisk": ScriptedAsteriskBench,
}  # fmt: skip
REAL = {
    "asterisk": lambda: AsteriskLab(*own("127.0.31.1", "127.0.31.2")),
    "freeswitch": lambda: FreeSwitchLab(*own("127.0.32.1", "127.0.32.2")),
}


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[
        *SIMPLE,
        *(pytest.param(k, marks=[getattr(pytest.mark, k), pytest.mark.timeout(60)]) for k in REAL),
    ],
)
async def make_bench(request: pytest.FixtureRequest) -> AsyncIterator[Callable[[Path], Bench]]:
    """A real switch is started once for all tests; everything else is made anew for each."""
    if request.param in SIMPLE:
        yield SIMPLE[request.param]
        return
    try:
        lab = REAL[request.param]()
        await lab.__aenter__()
    except LabUnavailable as reason:
        warnings.warn(f"THE CONTRACT IS NOT TRIED ON A REAL {request.param.upper()}: {reason}", stacklevel=1)
        pytest.skip(str(reason))
    try:
        yield lambda _: RealBench(lab)
    finally:
        await lab.__aexit__(None, None, None)


@pytest_asyncio.fixture(loop_scope="module")
async def bench(
    make_bench: Callable[[Path], Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    monkeypatch.setattr("controller.engine.backoff.FIRST_S", 0.05)
    monkeypatch.setattr("controller.engine.backoff.LONGEST_S", 0.2)
    async with make_bench(tmp_path) as bench:
        yield bench
