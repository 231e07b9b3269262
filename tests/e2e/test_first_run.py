"""The first run with a real switch, as somebody does it who has just written ten lines of configuration.

Every step in Chromium: the printed address, the administrator, a password that the switch refuses, the switch
as the doctor sees it after that is mended, its users, and a call by real phones while the page watches; what
is played at the end is the sound of that call.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from controller.config import load
from controller.demo.asterisk_lab import AsteriskLab
from controller.demo.freeswitch_lab import FreeSwitchLab
from controller.demo.lab import LabUnavailable
from controller.demo.listen import read_wav, spans
from controller.demo.running import RunningController
from controller.doctor import examine
from controller.web.language import extracting
from tests.lanes import own
from tests.web.serving import CHROMIUM, chromium
from tests.web.test_findings import left

from .system import TONES, System, telephones, until

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"NO {CHROMIUM} HERE: THE FIRST RUN IS NOT TRIED"),
]

PASSWORD = "quite a long passphrase"
LABS = {
    "asterisk": lambda: AsteriskLab(*own("127.0.61.1", "127.0.61.2")),
    "freeswitch": lambda: FreeSwitchLab(*own("127.0.62.1", "127.0.62.2")),
}
ADDRESS = re.compile(r"http://\S+/first-run\?token=\S+")
#: The call's own sound, of the two seconds that it lasts at least.
TONE_MS = 1000
#: Played until half a second of it has been.
PLAYED = """audio => new Promise((done, failed) => {
    audio.ontimeupdate = () => audio.currentTime > 0.5 && done();
    setTimeout(() => failed("it is not played"), 8000);
    audio.play().catch(failed);
})"""


@pytest_asyncio.fixture(
    loop_scope="session", params=[pytest.param(k, marks=getattr(pytest.mark, k)) for k in LABS]
)
async def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[System]:
    """A switch, and a controller with nothing but its configuration: no folder, no account, no policy."""
    try:
        lab = LABS[request.param]()
    except LabUnavailable as error:
        pytest.skip(f"{request.param} TESTS SKIPPED: {error}")
    async with lab:
        controller = RunningController(tmp_path / "controller", (lab,))
        try:
            yield System(lab, controller, tmp_path)
        finally:
            await controller.stop()


async def test_from_a_wrong_password_to_the_first_recording(fresh: System) -> None:
    controller = fresh.controller
    right = controller.config_file.read_text()
    wrong = right.replace(fresh.lab.password, "wrong")
    async with chromium() as browser:
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        faults: list[str] = []
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        controller.config_file.write_text(wrong)
        starting = asyncio.create_task(controller.start())  # it waits for the switch, which refuses
        try:
            await until(lambda: _printed(controller, starting), "the address is printed", 40)
            await page.goto(ADDRESS.findall(controller.log())[0])
            await _administrator(page)
            await _refused(page, fresh.kind)
            await page.goto("about:blank")  # it would go on asking the controller that is now stopped
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        await controller.stop()
        controller.config_file.write_text(right)
        await controller.start()
        assert "first-run" not in controller.log().rpartition("The catalog is at")[2], "it is there once"
        await page.goto(f"{controller.url}/first-run/switches")  # still signed in
        await _switches(page)
        await _users(page)
        heard = await _call(page, fresh)
        assert faults == []
    wav = read_wav(heard)
    for who in ("101", "102"):
        lasted = sum(span.duration_ms for span in spans(wav.mono(), wav.rate, TONES[who]))
        assert lasted >= TONE_MS, f"{who} is heard for {lasted} ms"
    # What this real switch is found to have, and to lack, is said in every language.
    template = extracting.extracted()
    for text in (right, wrong, right.replace(str(fresh.lab.spool), "/proc")):
        controller.config_file.write_text(text)
        found = await examine(load(controller.config_file, {}))
        assert all(check.ok for _, checks in found for check in checks) == (text == right)
        assert left(found, template) == {}


async def _printed(controller: RunningController, starting: asyncio.Task[None]) -> bool:
    if starting.done():
        starting.result()
    return controller.log_file.exists() and bool(controller.url and ADDRESS.search(controller.log()))


async def _refused(page: Page, kind: str) -> None:
    """Each page says what is wrong, and the first one which setting mends it."""
    said = await page.locator(".checks li", has_text="Mend").inner_text()
    assert f"switches.{kind}." in said
    assert "password" in said
    await page.get_by_role("link", name="Go on to users").click()
    await page.get_by_text("It does not say who its users are").wait_for()
    await page.get_by_role("link", name="Go on to a test call").click()
    await page.get_by_text(f"There is no connection to {kind}").wait_for()


async def _administrator(page: Page) -> None:
    await page.get_by_label("Login").fill("ada")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_label("Password again").fill(PASSWORD)
    await page.get_by_role("button", name="Make the administrator").click()
    await page.wait_for_url("**/first-run/switches")


async def _switches(page: Page) -> None:
    await expect(page.locator(".notice.good")).to_have_text("All is as it should be.")
    await page.get_by_role("link", name="Go on to users").click()


async def _users(page: Page) -> None:
    await page.get_by_text("6 users would be made. New are the tenants acme.test, other.test.").wait_for()
    await page.get_by_role("button", name="Make these users").click()
    await page.get_by_text("Made 6 users. Their calls are recorded from now on.").wait_for()
    await page.get_by_text("Nobody new: all 6 of its users are here already.").wait_for()
    await page.get_by_role("link", name="Go on to a test call").click()


async def _call(page: Page, system: System) -> Path:
    """What the page plays in the end, as a file."""
    await page.get_by_text("Waiting", exact=True).wait_for()
    async with telephones(system):
        a, _b = await system.call("101", "102")
        await page.get_by_text("Recording", exact=True).wait_for()
        await page.get_by_text("Recorded because tenant acme.test has audio on. Say something").wait_for()
        await asyncio.sleep(2.0)  # so long they talk
        await a.bye()
    sound = page.locator("audio")
    await sound.wait_for(timeout=20_000)
    await sound.evaluate(PLAYED)
    source = await sound.get_attribute("src")
    answer = await page.request.get(system.controller.url + str(source))
    assert answer.ok, answer.status
    path = system.folder / "heard.wav"
    path.write_bytes(await answer.body())
    return path
