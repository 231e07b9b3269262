"""``tapeline explain``: an imagined call, decided by the catalog's settings as a real one would be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.catalog.story import Story, inside, outside

from .conftest import Tapeline

BASE = ("explain", "--tenant", "acme")


@pytest.fixture
def acme(tapeline: Tapeline) -> Tapeline:
    """A tenant with a rule of every scope."""
    for words in (
        "tenant acme --audio on",
        "user 101 --tenant acme --audio off",
        "user 102 --tenant acme --audio on --video on --mode on_demand",
        "user 103 --tenant acme --video require",
        "queue sales --tenant acme --audio require --directions inbound",
        "queue secret --tenant acme --audio forbid",
        "queue few --tenant acme --video on --sample 25",
        "ring_group all --tenant acme --video on",
        "receptionist menu --tenant acme --video off",
        "inbound_rule main --tenant acme --video require",
        "outbound_rule abroad --tenant acme --audio forbid",
        "trunk line --video on",
    ):
        tapeline.run("rule", "set", *words.split())
    return tapeline


def answers(tapeline: Tapeline, *words: str) -> Any:
    return tapeline.json(*BASE, *words)["answers"]


@pytest.mark.parametrize(
    ("words", "audio", "video"),
    [
        ("--user 101", "record tenant.on", "leave not_a_video_call"),
        ("--user 101 --queue sales", "record queue.require", "leave not_a_video_call"),
        ("--user 101 --queue sales --direction outbound", "record tenant.on", "leave not_a_video_call"),
        ("--user 101 --queue secret", "leave queue.forbid", "leave not_a_video_call"),
        ("--user 101 --outbound-rule abroad --direction outbound", "leave outbound_rule.forbid", None),
        ("--user 101 --video", "record tenant.on", "leave nobody_wants"),
        ("--user 101 --video --trunk line", "record tenant.on", "record trunk.on"),
        ("--user 101 --video --ring-group all", "record tenant.on", "record ring_group.on"),
        ("--user 101 --video --receptionist menu", "record tenant.on", "leave receptionist.off"),
        ("--user 101 --video --inbound-rule main", "record tenant.on", "record inbound_rule.require"),
        ("--user 102 --video", "record tenant.on", "provisional user.on_demand"),
        ("--user 101 --other-user 102 --video", "record tenant.on", "provisional user.on_demand"),
        ("--user 103 --video --direction internal", "record tenant.on", "record user.require"),
        ("--direction external", "leave external_only", "leave external_only"),
    ],
)  # fmt: skip
def test_the_verdict_and_the_rule_that_made_it(
    acme: Tapeline, words: str, audio: str, video: str | None
) -> None:
    found = answers(acme, *words.split())
    assert f"{found['audio']['verdict']} {found['audio']['rule']}" == audio
    if video is not None:
        assert f"{found['video']['verdict']} {found['video']['rule']}" == video


def test_the_sentence_is_the_real_call_s(acme: Tapeline) -> None:
    found = answers(acme, "--user", "101", "--direction", "outbound")["audio"]
    policy = acme.within(lambda catalog: catalog.policy())
    story = Story(policy)
    story.talk("a", inside("101", "acme"), "b", outside("1555"))
    (call,) = story.changed.values()
    real = call.decisions["acme", "audio"]
    assert (found["verdict"], found["rule"], found["reason"]) == (real.verdict, real.rule, real.reason)
    assert found["reason"] == "recorded because tenant acme has audio on; user 101 has audio off"


def test_every_rule_says_its_part(acme: Tapeline) -> None:
    said = answers(acme, "--user", "101", "--queue", "sales", "--direction", "outbound")["audio"]["rules"]
    assert [(s["subject"], s["setting"], s["says"], s["direction_fits"], s["decided"]) for s in said] == [
        ("tenant acme", "on", "on", True, True),
        ("queue sales", "require", None, False, False),
        ("user 101", "off", "off", True, False),
    ]
    text = acme.run(*BASE, "--user", "101", "--queue", "sales", "--direction", "outbound")
    assert "nothing: it is not about outbound calls" in text
    assert "recorded because tenant acme has audio on; user 101 has audio off" in text


def test_who_may_control_it(acme: Tapeline) -> None:
    required = answers(acme, "--user", "102", "--queue", "sales")["audio"]["may"]
    assert {m["who"]: (m["pause"], m["start"], m["stop"]) for m in required} == {
        "an administrator, the API": (True, True, False),
        "user 102": (True, True, False),
        "an external party": (False, False, False),
    }
    acme.run("rule", "set", "tenant", "acme", "--audio", "inherit")
    acme.run("rule", "set", "user", "104", "--tenant", "acme", "--audio", "on", "--mode", "always")
    on_demand = answers(acme, "--user", "102")["audio"]["may"]
    assert (on_demand[1]["start"], on_demand[1]["stop"]) == (True, True)
    always = answers(acme, "--user", "104")["audio"]["may"]
    assert always[1] == {"who": "user 104", "pause": False, "start": False, "stop": False}


def test_a_sample_is_answered_for_both_sides_or_for_one_call(acme: Tapeline) -> None:
    words = ("--user", "101", "--queue", "few", "--video")
    found = answers(acme, *words)["video"]
    assert (found["verdict"], found["rule"]) == ("record", "queue.on")
    assert (found["outside_sample"]["verdict"], found["outside_sample"]["rule"]) == (
        "leave",
        "queue.not_sampled",
    )
    assert "queue few (25 %)" in acme.run(*BASE, *words)
    verdicts = []
    for n in range(40):
        one = answers(acme, *words, "--call-id", f"call{n}")["video"]
        assert one["outside_sample"] is None
        verdicts.append(one["verdict"])
    assert 2 <= verdicts.count("record") <= 20
    # And the same every time it is asked.
    assert answers(acme, *words, "--call-id", "call7")["video"]["verdict"] == verdicts[7]


def test_what_is_not_known_is_said(acme: Tapeline) -> None:
    acme.run("tenant", "option", "set", "acme", "new_user.video=require", "new_user.mode=always")
    found = acme.json(*BASE, "--user", "999", "--queue", "slaes", "--video")
    assert found["notes"] == [
        "user 999 is not known: from its first call it has audio off, video require, mode always",
        "there is no rule of queue slaes",
    ]
    assert found["answers"]["video"]["rule"] == "user.require"
    assert acme.json(*BASE, "--user", "101", "--queue", "sales")["notes"] == []


def test_another_tenant_s_rules_have_no_say(acme: Tapeline) -> None:
    found = acme.json("explain", "--tenant", "other", "--user", "102", "--queue", "sales")
    assert found["answers"]["audio"]["verdict"] == "leave"
    assert "there is no rule of queue sales" in found["notes"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "say which --user"),
        (["--direction", "outbound"], "say which --user"),
        (["--user", "101", "--direction", "external"], "a call with a --user is not external"),
        (
            ["--user", "1", "--other-user", "2", "--direction", "inbound"],
            "--other-user makes an internal call",
        ),
    ],
)
def test_options_that_do_not_go_together(tapeline: Tapeline, words: list[str], why: str) -> None:
    assert tapeline.refused(*BASE, *words).startswith(why)


SWITCHES = """
[[switches]]
name = "{name}"
kind = "{kind}"
password = "x"
spool = "/var/spool/tapeline"
"""


def test_no_video_is_promised_where_the_switch_records_none(acme: Tapeline, tmp_path: Path) -> None:
    file = tmp_path / "tapeline.toml"
    ask = (*BASE, "--user", "103", "--video", "--config", str(file))
    file.write_text(SWITCHES.format(name="pbx", kind="asterisk"))
    video = acme.json(*ask)["answers"]["video"]
    assert (video["verdict"], video["rule"]) == ("leave", "unsupported_by_switch")
    assert "cannot record video" in video["reason"]
    assert not any(one["start"] for one in video["may"]), "and nobody may start it"
    file.write_text(
        SWITCHES.format(name="pbx", kind="asterisk") + SWITCHES.format(name="fs", kind="freeswitch")
    )
    found = acme.json(*ask)
    assert found["answers"]["video"]["verdict"] == "record"
    assert found["notes"] == ["pbx cannot record video: name the switch for a call there"]
    assert acme.json(*ask, "--switch", "pbx")["answers"]["video"]["verdict"] == "leave"
    found = acme.json(*ask, "--switch", "fs")
    assert (found["answers"]["video"]["verdict"], found["notes"]) == ("record", [])
    assert acme.refused(*ask, "--switch", "sf").endswith("there are: pbx, fs")
