"""One real switch and one real controller a session and switch; fresh phones for each test."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from controller.demo.asterisk_lab import AsteriskLab
from controller.demo.freeswitch_lab import FreeSwitchLab
from controller.demo.lab import LabUnavailable
from controller.demo.running import RunningController

from ..lanes import own
from .prepared import Prepared
from .system import POLICY, System, telephones

LABS = {
    "asterisk": lambda: AsteriskLab(*own("127.0.10.1", "127.0.10.2")),
    "freeswitch": lambda: FreeSwitchLab(*own("127.0.20.1", "127.0.20.2")),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "e2e" in Path(str(item.fspath)).parts:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session", scope="session", autouse=True)
async def prepared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[None]:
    """Every controller of these tests starts at once, see prepared.py."""
    with pytest.MonkeyPatch.context() as patch:
        all_of_them = Prepared(tmp_path_factory.mktemp("prepared"))
        patch.setattr("controller.demo.running.start_process", all_of_them.start)
        yield
        await all_of_them.stop()


@pytest_asyncio.fixture(
    loop_scope="session",
    scope="session",
    params=[pytest.param(k, marks=getattr(pytest.mark, k)) for k in LABS],
)
async def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    folder = tmp_path_factory.mktemp(f"e2e-{request.param}")
    try:
        lab = LABS[request.param]()
    except LabUnavailable as error:
        warnings.warn(f"{request.param} TESTS SKIPPED: {error}", stacklevel=1)
        pytest.skip(str(error))
    async with lab:
        controller = RunningController(folder / "controller", (lab,))
        await controller.set_policy(users=POLICY, tenants={}, external=False)
        await controller.add_account("admin", "correct horse battery")
        async with controller:
            system = System(lab, controller, folder)
            async with telephones(system):
                # A switch's very first call is slow (threads start); it is nobody's test.
                # Its events come late: it has ended for the controller as well before a test begins.
                a, _ = await system.call("102", "103")
                call_id = await system.call_id("102")
                await a.bye()
                await system.cdr(call_id)
            yield system


@pytest_asyncio.fixture(loop_scope="session")
async def system(running: System, tmp_path: Path) -> AsyncIterator[System]:
    running.folder = tmp_path
    await running.reset_policy()
    async with telephones(running):
        yield running
