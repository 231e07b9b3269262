"""Codes, operations, refusals, announcements and findings: what the source knows is documented."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.config import AsteriskConfig, FreeSwitchConfig
from controller.core import media_control, requests
from controller.core.commands import Announce
from controller.core.feature_codes import DEFAULT_CODES
from controller.core.media_kinds import MESSAGE_OPERATIONS, OPERATIONS
from controller.engine.ids import new_id, now
from controller.switches.asterisk.translate import Translator as AsteriskTranslator
from controller.switches.freeswitch import verbs
from controller.switches.freeswitch.translate import Translator as FreeSwitchTranslator

from .documents import DOCS, PROJECT, Block, blocks, calls, pattern, table_after

CONTROLLER = PROJECT / "controller"
CODES = (DOCS / "reference/feature-codes.md").read_text(encoding="utf-8")
MESSAGE = (DOCS / "reference/sip-message.md").read_text(encoding="utf-8")
BUS = (DOCS / "reference/bus-events.md").read_text(encoding="utf-8")
TROUBLE = (DOCS / "how-to/troubleshooting.md").read_text(encoding="utf-8")


def first_column(document: str, heading: str) -> list[str]:
    return [row[0].strip("`") for row in table_after(document, heading)]


# ── feature codes ─────────────────────────────────────────────────────────────────────────────


def test_the_codes_are_the_default_ones() -> None:
    rows = [(row[0].strip("`"), row[1].strip("`")) for row in table_after(CODES, "## The codes")]
    assert rows == [(code, str(operation)) for code, operation in DEFAULT_CODES.items()]


def test_the_pieces_for_the_dialplan_hold_the_same_codes() -> None:
    features = (PROJECT / "dialplan/asterisk/features.conf").read_text(encoding="utf-8")
    extensions = (PROJECT / "dialplan/asterisk/extensions.conf").read_text(encoding="utf-8")
    freeswitch = (PROJECT / "dialplan/freeswitch/feature_codes.xml").read_text(encoding="utf-8")
    for code in DEFAULT_CODES:
        assert f"=> {code},self,Gosub" in features
        assert f"exten => {code},1,UserEvent" in extensions
        assert any(re.fullmatch(e, code) for e in re.findall(r'expression="([^"]*)"', freeswitch))


# ── SIP MESSAGE ───────────────────────────────────────────────────────────────────────────────


def test_a_message_may_ask_for_the_documented_operations() -> None:
    assert sorted(first_column(MESSAGE, "## Operations")) == sorted(MESSAGE_OPERATIONS)


def test_both_content_types_have_an_example_that_is_read() -> None:
    bodies = {b.language: b.text for b in blocks(MESSAGE) if b.language in ("json", "text")}
    outside = media_control.parse(media_control.JSON_TYPE, bodies["json"], in_dialog=False)
    assert outside.session_id
    inside = media_control.parse(media_control.TEXT_TYPE, bodies["text"], in_dialog=True)
    [answer] = [json.loads(b.text) for b in blocks(MESSAGE) if b.language == "jsonc"]
    made = media_control.result(
        "pause-audio-recording", str(outside.session_id), accepted=True, reason="paused"
    )
    assert answer == json.loads(made)
    assert inside.session_id is None
    assert f"`{media_control.JSON_TYPE}`" in MESSAGE
    assert f"`{media_control.TEXT_TYPE}`" in MESSAGE


def test_every_refusal_is_documented() -> None:
    assert sorted(first_column(MESSAGE, "### Refused by the rules")) == sorted(map(str, requests.Refusal))


def raised(name: str, paths: Iterator[Path]) -> set[str]:
    """What every ``raise NAME("…")`` says; a text that is another error's own is not ours."""
    found = set()
    for path in paths:
        for call, tree in calls(path, name):
            text = pattern(call.args[0], tree) if call.args else None
            if text is not None:
                found.add(text)
    return found


def test_every_fault_of_a_body_is_documented() -> None:
    said = raised("InvalidMediaControl", iter([CONTROLLER / "core/media_control.py"]))
    assert len(said) > 8
    assert set(first_column(MESSAGE, "### Refused because of the body")) == said


def test_every_other_fault_that_an_adapter_finds_is_documented() -> None:
    said = raised("RefusedInput", (CONTROLLER / "switches").rglob("*.py"))
    assert len(said) > 8
    documented = set(first_column(MESSAGE, "### Refused by the switch's adapter"))
    documented |= set(first_column(BUS, "## Refusals"))
    assert documented == said


# ── the bus ───────────────────────────────────────────────────────────────────────────────────


def announcements() -> tuple[dict[str, set[str]], set[str]]:
    """Action → the fields that core adds to it, and every reason; read from the source."""
    actions: dict[str, set[str]] = {}
    reasons: set[str] = set()
    for path in sorted((CONTROLLER / "core").glob("*.py")):
        for call, tree in calls(path, "announce"):
            action = pattern(call.args[2], tree)
            assert action is not None, f"{path.name}:{call.lineno}: an Action that is no literal"
            fields = actions.setdefault(action, set())
            for keyword in call.keywords:
                assert keyword.arg is not None
                fields.add(keyword.arg.replace("_", "-").title())
                if keyword.arg == "Reason" and isinstance(keyword.value, ast.Constant):
                    reasons.add(str(keyword.value.value))
    return actions, reasons


def test_every_announcement_is_documented() -> None:
    actions, reasons = announcements()
    assert actions
    documented = {row[0].strip("`"): row[2] for row in table_after(BUS, "## What Tapeline tells")}
    assert set(documented) == {*actions, "answer"}
    for action, fields in actions.items():
        assert fields == set(documented[action].replace("`", "").split(", ")) - {"–"}, action
    for reason in reasons:
        assert reason in BUS, reason


def test_the_fields_of_an_answer_are_documented() -> None:
    """Both adapters write them; each names them as (key, value) pairs, in ``message`` or in a function
    of its own for it."""
    documented = {row[0].strip("`"): row[2] for row in table_after(BUS, "## What Tapeline tells")}["answer"]
    for kind in ("freeswitch", "asterisk"):
        files = [CONTROLLER / f"switches/{kind}" / name for name in ("adapter.py", "answers.py")]
        functions = [
            n
            for file in files
            if file.exists()
            for n in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(n, ast.AsyncFunctionDef | ast.FunctionDef) and n.name in ("message", "on_the_bus")
        ]
        keys = {
            n.elts[0].value
            for function in functions
            for n in ast.walk(function)
            if isinstance(n, ast.Tuple) and len(n.elts) == 2 and isinstance(n.elts[0], ast.Constant)
        }
        assert keys - {"Action", "Call-ID"} == set(documented.replace("`", "").split(", ")), kind


def test_every_operation_may_be_asked_for_on_the_bus() -> None:
    assert sorted(first_column(BUS, "## Operations")) == sorted(OPERATIONS)


def headers(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def examples(first_line: str) -> list[Block]:
    found = [b for b in blocks(BUS) if b.text.startswith(first_line)]
    assert found, f"no example begins with {first_line!r}"
    return found


def test_the_requests_in_the_examples_are_understood() -> None:
    freeswitch = FreeSwitchTranslator(
        FreeSwitchConfig(kind="freeswitch", name="fs", password="x", spool=Path("/spool")), new_id, now
    )
    for example in examples("sendevent CUSTOM"):
        event = {"Event-Name": "CUSTOM", **headers(example.text)}
        request = freeswitch.request(event)
        assert request is not None
        assert request.request_id == event["Request-ID"]
    asterisk = AsteriskTranslator(
        AsteriskConfig(kind="asterisk", name="ast", password="x", spool=Path("/spool")), new_id, now
    )
    for example in examples("Action: UserEvent"):
        event = {**headers(example.text), "Event": "UserEvent"}
        asked = asterisk.request(event)
        assert asked is not None


def test_the_announcement_in_the_example_is_what_is_sent() -> None:
    [example] = examples("Event-Name: CUSTOM")
    shown = headers(example.text)
    fields = tuple((k, v) for k, v in shown.items() if not k.startswith("Event-") and k != "Leg-Id")
    sent = verbs.announce(Announce(shown["Leg-Id"], fields))
    assert sent.splitlines()[1:] == example.text.splitlines()[1:]


# ── the doctor ────────────────────────────────────────────────────────────────────────────────


def findings() -> set[str]:
    """The names of everything that the doctors look at; NAME stands for what depends."""
    doctors = [CONTROLLER / "doctor.py", *(CONTROLLER / "switches").rglob("*.py")]
    found = set()
    for path in doctors:
        for call, tree in calls(path, "Check"):
            name = pattern(call.args[0], tree, "NAME")
            assert name is not None, f"{path}:{call.lineno}: a finding without a name"
            found.add(name)
    return found


def test_every_finding_of_the_doctor_is_explained() -> None:
    headings = {line.removeprefix("### ").strip() for line in TROUBLE.splitlines() if line.startswith("### ")}
    explained = {name.strip("` ") for heading in headings for name in heading.split(",")}
    assert len(findings()) > 15
    assert findings() <= explained, findings() - explained


@pytest.mark.parametrize("kind", ["freeswitch", "asterisk"])
def test_every_module_setting_and_context_that_the_doctor_wants_is_named(kind: str) -> None:
    path = CONTROLLER / f"switches/{kind}/doctor.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    wanted = set()
    for node in tree.body:
        value = node.value if isinstance(node, ast.Assign) else None
        if isinstance(value, ast.Dict):
            wanted |= {str(key.value) for key in value.keys if isinstance(key, ast.Constant)}
    for call, source in calls(path, "_parameter"):
        name = pattern(call.args[2], source)
        assert name is not None
        wanted.add(name)
    assert wanted
    for name in wanted:
        assert f"`{name}`" in TROUBLE, name
