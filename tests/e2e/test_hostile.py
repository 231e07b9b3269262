"""Calls from the trunk whose names, numbers and headers attack: recorded as usual, and inert text."""

from __future__ import annotations

import asyncio
import contextlib
import re
from pathlib import Path
from typing import Any

import pytest

from controller.demo.phone import CallRefused, Dialog, PhoneError

from .system import System, until

#: Longer than any switch needs for an answer; some drop an INVITE of thousands of bytes unread.
PATIENCE_S = 5.0
#: Longer texts are cut (the adapters' MAX_TEXT).
LONGEST = 256

FORGED = "x%0AUnique-ID: forged-by-caller"
NAMES = {
    "forged header": FORGED,
    "forged headers": "x%0AUnique-ID%3A%20forged-by-caller%0AEvent-Name%3A%20CHANNEL_HANGUP_COMPLETE",
    "forged AMI header": "x%0D%0AUniqueid: forged-by-caller%0D%0AEvent: Hangup",
    "line ends, encoded": "a%0D%0A%0D%0Ab",
    "variables": "${system(id)} ${hostname} ${uuid}",
    "channel variables": "{origination_uuid=forged-by-caller}[a=b]^^:c",
    "commas": "a,b;c|d^e&f",
    "quotes": 'it\'s \\"quoted\\" `id`',
    "path": "../../../../etc/passwd",
    "null": "a%00b\\0",
    "markup": "<script>alert(1)</script>",
    "SQL": "'; DROP TABLE recording;--",
    "JSON": '{\\"Unique-ID\\": \\"forged-by-caller\\"}',
    "UTF-8": "Zoë 李雷 🎙 \u202eevil",
    "long": "n" * 4000,
}
NUMBERS = {
    "forged header": "15550001111%0AUnique-ID%3A%20forged-by-caller",
    "line ends": "1%0D%0A%0D%0A2",
    "variables": "$%7Bhostname%7D",
    "commas": "1,2;3",
    "quotes": "1'2%22",
    "path": "..%2F..%2Fetc%2Fpasswd",
    "plain path": "../../etc/passwd",
    "a user of ours": "101",
    "dash": "+1-555-0001",
    "UTF-8": "%E6%9D%8E",
    "long": "1" * 4000,
}
HEADERS = {
    "session id forged": "X-Session-Id: x%0AUnique-ID: forged-by-caller",
    "session id with a path": "X-Session-Id: ../../etc/passwd",
    "session id long": "X-Session-Id: " + "s" * 2000,
    "variables": "X-Tapeline: ${hostname}",
    "tenant": "X-Tenant: other.test",
    "asserted identity": "P-Asserted-Identity: \"101\" <sip:101@acme.test>",
    "folded": "X-Folded: a\r\n Unique-ID: forged-by-caller",
}  # fmt: skip

_ID = r"[0-9A-Za-z]{1,40}"
_SEGMENT = re.compile(rf"(acme|other)\.test/\d{{4}}/\d\d/\d\d/{_ID}\.\d+\.wav")
_STORED = re.compile(rf"(acme|other)\.test/(\d{{4}}/\d\d/\d\d/)?{_ID}[0-9A-Za-z_./-]*")


async def dial(system: System, **attack: Any) -> tuple[Dialog, Dialog] | None:
    """The call from outside, up; None if the switch would not have it."""
    a = await system.phone("outside").dial("101", **attack)
    try:
        await a.answered(PATIENCE_S)
    except (CallRefused, TimeoutError):
        with contextlib.suppress(PhoneError, TimeoutError):  # nothing may have come of it at all
            await a.cancel()
        return None
    return a, await system.phone("101").next_call()


async def recorded(system: System, **attack: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """(the CDR, its one recording) of a call of a second from outside; None if it was refused."""
    dialogs = await dial(system, **attack)
    if dialogs is None:
        return None
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.3)
    await dialogs[0].bye()
    [recording] = await system.recordings(call_id)
    return await system.cdr(call_id), recording


def shape(cdr: dict[str, Any], recording: dict[str, Any]) -> dict[str, Any]:
    """Everything that a name, a number or a strange header may not change."""

    def party(p: dict[str, Any]) -> dict[str, Any]:
        outside = p["side"] == "external"
        return {k: v for k, v in p.items() if k != "name" and not (outside and k == "number")}

    row = recording["recording"]
    return {
        "direction": cdr["row"]["direction"],
        "switch": cdr["row"]["switch"],
        # The caller first: a number that cuts Asterisk's events makes its leg known milliseconds late.
        "parties": sorted((party(p) for p in cdr["row"]["parties"]), key=lambda p: not p["calling"]),
        "legs": sorted(
            ((party(leg["party"]), leg["dialled"] if leg["party"]["calling"] else "") for leg in cdr["legs"]),
            key=lambda leg: not leg[0]["calling"],
        ),
        "journey": sorted({j["what"] for j in cdr["journey"]}),
        "decisions": [(d["tenant"], d["kind"], d["rule"], d["reason"]) for d in cdr["decisions"]],
        "recording": (row["tenant"], row["kind"], row["reason"], row["media_state"], row["error"]),
        "segments": len(recording["segments"]),
        "heard": row["duration_ms"] > 200,
    }


_SCRATCH = re.compile(r"\.scratch/[0-9a-f]{32}\.tapeline-tmp")


def files_below(folder: Path) -> list[str]:
    return [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()]


def assert_only_our_paths(system: System) -> None:
    for name in files_below(system.lab.spool):
        if name.startswith(".tapeline/"):
            continue  # the tones that Asterisk plays
        assert _SEGMENT.fullmatch(name), name
    store = system.controller.folder / "data/recordings"
    assert store.is_dir()
    for name in files_below(store):
        if _SCRATCH.fullmatch(name):
            continue  # what a finishing task is making just now
        assert _STORED.fullmatch(name), name


_usual: dict[str, dict[str, Any]] = {}


async def usual(system: System) -> dict[str, Any]:
    """What a call from an ordinary stranger looks like on this switch."""
    if system.kind not in _usual:
        plain = await recorded(system, display_name="Alice", from_user="+15550001111")
        assert plain is not None
        _usual[system.kind] = shape(*plain)
        assert _usual[system.kind]["heard"]
    return _usual[system.kind]


async def attacked(system: System, **attack: Any) -> dict[str, Any] | None:
    """Check everything; the outside party as it was noted, None if the switch refused the call."""
    expected = await usual(system)
    got = await recorded(system, **attack)
    if got is None:

        async def quiet() -> bool:
            return not await system.live()

        await until(quiet, "nothing is left of the refused call", 15)
        again = await recorded(system, display_name="Alice", from_user="+15550001111")
        assert again is not None
        assert shape(*again) == expected, "and the next call is as any other"
        return None
    assert shape(*got) == expected
    assert_only_our_paths(system)
    assert "forged-by-caller" not in {leg["leg_id"] for leg in got[0]["legs"]}
    named = await system.controller.api("GET", "/calls/forged-by-caller")
    assert named.status == 404
    [outside] = [p for p in got[0]["row"]["parties"] if p["side"] == "external"]
    assert len(outside["name"]) <= LONGEST
    assert len(outside["number"]) <= LONGEST
    found: dict[str, Any] = outside
    return found


@pytest.mark.parametrize("attack", NAMES)
async def test_a_name(system: System, attack: str) -> None:
    outside = await attacked(system, display_name=NAMES[attack], from_user="+15550001111")
    if outside is not None and attack in ("variables", "commas", "markup", "SQL", "UTF-8"):
        # FreeSWITCH puts a % where a $ begins a variable, Asterisk a backslash before a quote.
        change = ("${", "%{") if system.kind == "freeswitch" else ("'", "\\'")
        expected = NAMES[attack].replace(*change)
        assert outside["name"] == expected, "the text, not what it would mean"


@pytest.mark.parametrize("attack", NUMBERS)
async def test_a_number(system: System, attack: str) -> None:
    await attacked(system, display_name="Alice", from_user=NUMBERS[attack])


@pytest.mark.parametrize("attack", HEADERS)
async def test_a_header(system: System, attack: str) -> None:
    await attacked(system, display_name="Alice", from_user="+15550001111", headers=[HEADERS[attack]])


async def test_a_stranger_cannot_take_over_a_running_call_s_session_id(system: System) -> None:
    """He names his call as a running one is named: a request by that name is ambiguous or still the
    user's own call's, and never pauses the wrong one."""
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    stranger = await system.phone("outside").call("103", headers=[f"X-Session-Id: {a.session_id}"])
    other = await system.phone("103").next_call()
    answer = await system.control(a.session_id or a.call_id, "pause-recording")
    assert answer.status in (200, 409), "the user's own call, or: say which one"
    assert (await system.control(call_id, "pause-recording")).status == 200, "our own id is never ambiguous"
    await system.recording_up(call_id, "paused")
    await stranger.bye()
    await other.ended.wait()
    await a.bye()
    await system.recordings(call_id)
