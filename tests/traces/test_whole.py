"""A whole `tapeline serve` with a call on a scripted switch: what its spans say, and what they do not."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.config import load
from controller.demo.running import RunningController
from controller.engine.hooks import Hook
from controller.engine.ids import new_id, now
from controller.hooks.signing import HookKeys
from controller.working import open_catalog
from tests.hooks.receiver import Receiver as HookReceiver
from tests.hooks.receiver import until
from tests.media.doubles import voice, wav_bytes, write
from tests.switches.asterisk.scripted_ami import ScriptedAmi, channel

from .receiver import Receiver

TENANT = "quirinia.example"
CALLER, CALLED = "7714155", "+493055501"
#: What of people and secrets is in that run, as it would stand in a text.
PERSONAL = (
    CALLER, "493055501", "quirinia", "Quirin", "203.0.113", "s3cret", "callid-", ".wav", "mozilla", "127.0.",
    "tl_", "number=", "root",
)  # fmt: skip
ONE = channel("1799.1", f"PJSIP/{CALLER}-00000001", user=CALLER, tenant=TENANT, CallerIDName="Quirin Muster",
              Duration="00:00:05", Application="Dial")  # fmt: skip
TWO = channel("1799.2", "PJSIP/out-00000002", side="external", linked="1799.1", Duration="00:00:04",
              CallerIDNum=CALLED, Application="AppDial")  # fmt: skip
BRIDGED = [{**ONE, "BridgeId": "b1"}, {**TWO, "BridgeId": "b1"}]

_ID = r"[0-9a-hjkmnp-tv-z]{26}"
_WORD = r"[A-Za-z]+( [a-z]+)?"
#: Every attribute that a span may have, and what alone it may say.
ALLOWED = {
    "http.request.method": "GET|POST",
    "http.route": r"none|(/[a-z._-]+|/v1|/\{[a-z_]+(:path)?\})+",
    "http.response.status_code": r"\d{3}",
    "error.type": rf"{_WORD}|\d{{3}}",
    "tapeline.switch": "pbx",
    "tapeline.command": _WORD,
    "tapeline.call": _ID,
    "tapeline.recording": _ID,
    "tapeline.capture": _ID + r"\.\d+",
    "tapeline.run": _ID + r"\.\d+",
    "tapeline.phase": _WORD,
    "tapeline.step": _WORD,
    "tapeline.hook": _ID,
    "tapeline.event": r"recording\.[a-z]+",
    "tapeline.tries": r"\d{1,3}",
    "tapeline.result": _WORD,
}


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Receiver]:
    """The spans of a run: a call that was there is recorded, paused by a request, over, worked on, told."""
    spool = tmp_path / "spool"
    with Receiver() as receiver:
        async with ScriptedAmi(spool) as ami, HookReceiver() as hooks:
            ami.rows = BRIDGED
            ami.variables[f"PJSIP/{CALLER}-00000001", "CHANNEL(pjsip,call-id)"] = "callid-7@203.0.113.9"
            controller = RunningController(tmp_path / "c", ())
            (tmp_path / "c/headers").write_text("authorization: Bearer s3cret\n")
            with controller.config_file.open("a") as file:
                file.write(f"""
                    [[switches]]
                    kind = "asterisk"
                    name = "pbx"
                    host = "127.0.10.50"
                    port = {ami.port}
                    password = "right"
                    spool = "{spool}"
                    standby_after_s = 0
                    [webhooks]
                    allow_networks = ["127.0.0.0/8"]
                    [traces]
                    endpoint = "{receiver.endpoint}"
                    headers_file = "headers"
                    """)
            await controller.set_policy(tenants={TENANT: True})
            await controller.add_account("root", "a long s3cret of root")
            async with controller:
                await with_hook(controller, f"{hooks.url}?token=s3cret")
                await a_call(controller, ami)
                await until(lambda: any(g.json["type"] == "recording.available" for g in hooks.got), 60)
                await controller.api("GET", f"/recordings?number={CALLER}&text=Quirin", headers=HEADERS)
                await controller.api("GET", f"/recordings/{CALLER}")
                await controller.api("GET", f"/api/v1/{CALLER}?number={CALLER}", token="tl_wrong")
            assert receiver.got[0][1]["authorization"] == "Bearer s3cret"
            assert "s3cret" not in controller.log()
        yield receiver


HEADERS = {
    "user-agent": "Mozilla (Quirin)", "x-forwarded-for": "203.0.113.9", "baggage": "user=quirinia",
    "traceparent": "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01", "tracestate": "a=quirinia",
}  # fmt: skip


async def with_hook(controller: RunningController, url: str) -> None:
    config = load(controller.config_file, {})
    hook_id = new_id()
    _, sealed = HookKeys(config.web.secret_file.read_bytes()).new_secret(hook_id)
    async with open_catalog(config) as catalog:
        await catalog.set_hook(Hook(hook_id, None, url, "", (), True, 4, now(), sealed))


async def a_call(controller: RunningController, ami: ScriptedAmi) -> None:
    async def recorded() -> bool:
        live = (await controller.api("GET", "/live")).raw.decode()
        return '"state":"recording"' in live and CALLER in live and "Quirin" in live

    await until(recorded, 30)
    answer = await controller.api("POST", "/live/1799.1/recording", {"operation": "pause-audio-recording"})
    assert answer.status == 200, answer
    await controller.api("POST", "/live/1799.1/recording", {"operation": "resume-audio-recording"})
    for monitor in ami.of("MixMonitor"):
        for path in re.findall(r"/[^,)]+\.wav", f"{monitor['File']},{monitor['Options']}"):
            write(Path(path), wav_bytes(voice(8000)))
    ami.rows = []
    for leg in (ONE, TWO):
        ami.event("Hangup", **leg, Cause="16", **{"Cause-txt": "Normal Clearing"})


@pytest.mark.timeout(240)
async def test_a_request_a_command_and_a_step_arrive_and_nothing_personal_does(run: Receiver) -> None:
    names = {seen.name for seen in run.spans}
    control, recordings = "POST /api/v1/live/{name:path}/recording", "GET /api/v1/recordings"
    assert {
        control, recordings, "GET none", "switch OpenCapture", "switch MaskCapture", "switch UnmaskCapture",
        "recording files", "step store", "step render", "recording finishing", "step peaks", "webhook",
    } <= names  # fmt: skip
    pause = next(s for s in run.named(control) if s.of["http.response.status_code"] == 200)
    masks = [s for s in run.named("switch MaskCapture") if s.span.trace_id == pause.span.trace_id]
    assert [s.of["tapeline.result"] for s in masks] == ["done"]
    (opened,) = {s.of["tapeline.recording"] for s in run.named("switch OpenCapture")}
    assert opened == run.named("step store")[0].of["tapeline.recording"]
    assert {s.resource["tapeline.part"] for s in run.named("step store")} == {"worker"}
    assert {s.resource["tapeline.part"] for s in run.named(control)} == {"controller"}
    assert not [s for s in run.spans if s.span.trace_id.hex() == HEADERS["traceparent"].split("-")[1]]

    looked = 0
    for seen in run.spans:
        assert not seen.span.events
        assert not seen.span.links
        assert (seen.span.status.message, seen.span.trace_state) == ("", "")
        assert "{" in seen.name or not re.search(r"\d{2}", seen.name), seen.name
        for key, value in seen.of.items():
            assert re.fullmatch(ALLOWED[key], str(value)), (seen.name, key, value)
            looked += 1
    assert looked > 50
    for text in run.texts() - {seen.resource["service.instance.id"] for seen in run.spans}:
        assert not [word for word in PERSONAL if word.lower() in text.lower()], text


async def test_a_collector_that_hangs_keeps_no_controller(tmp_path: Path) -> None:
    with Receiver() as receiver:
        receiver.free.clear()
        controller = RunningController(tmp_path / "c", ())
        with controller.config_file.open("a") as file:
            file.write(f'[traces]\nendpoint = "{receiver.endpoint}"\n')
        async with controller:
            await controller.api("GET", "/healthz")
            await until(lambda: receiver.got, 30)
            began = time.monotonic()
            await controller.stop()
            took = time.monotonic() - began
        assert "traces.not_sent" in controller.log()
    assert took < 15, "the web's three seconds, the worker's, and two for the spans; and a busy machine"
