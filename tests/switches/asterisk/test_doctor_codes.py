"""`tapeline doctor` on the codes of an Asterisk's tenants: in the map, told apart, dialled as calls."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from controller.engine.ports import Check
from controller.switches.asterisk.doctor_codes import examine_codes, mapped
from controller.switches.asterisk.verbs import FEATURES

OURS = dict(zip(FEATURES, ("*48", "*49", "*44", "*45", "*A1", "*A0"), strict=True))
ACME = {"*48": ["acme.test", "beta.test"], "*71": ["acme.test"]}
CONTEXT = "[ Context 'tapeline-codes' created by 'pbx_config' ]"
EXTENSION = """[ Context '{0}' created by 'pbx_config' ]
  '{1}' =>          1. UserEvent(TapelineFeature,Code: {1})       [extensions.conf:36]
"""


def shown(known: Mapping[str, str]) -> list[str]:
    """``features show`` as Asterisk 22 prints it, with a built-in feature that looks like ours."""
    return [
        "Builtin Feature           Default Current",
        "---------------           ------- -------",
        "Pickup                    *8      *8     ",
        "Nothing                   no def  *71    ",
        "",
        "Dynamic Feature           Default Current",
        "---------------           ------- -------",
        *(f"{name:<25} no def  {code:<7}" for name, code in known.items()),
        "",
        "Feature Groups:",
        "---------------",
        "(none)",
    ]


async def codes(
    known: Mapping[str, str],
    wanted: Mapping[str, list[str]],
    *,
    calls: str = "*48 *71",
    context: bool = True,
    menus: Mapping[str, list[str]] | None = None,
) -> dict[str, Check]:
    async def cli(line: str) -> list[str]:
        if line == "features show":
            return shown(known)
        if line == "confbridge show menus":  # as Asterisk 22 prints them
            return ["--------- Menus -----------", *menus] if menus else ["No such command 'confbridge show'"]
        if menus and line.startswith("confbridge show menu "):
            name = line.rpartition(" ")[2]
            return [f"Name: {name}", *menus[name], ""]
        what = line.removeprefix("dialplan show ")
        if what == "tapeline-codes":
            return [CONTEXT] if context else ["There is no existence of 'tapeline-codes' context"]
        code = what.removesuffix("@")
        where = ("tapeline-dialled", *(["own"] if code in calls.split() else []))
        # What is called inside a call matches every code, and says nothing of it dialled as a call.
        return [line for name in where for line in EXTENSION.format(name, code).splitlines()]

    checks = await examine_codes(cli, wanted)
    assert all(bool(c.mend) is not c.ok for c in checks), "what is wrong says how to mend it, and only that"
    return {c.what: c for c in checks}


def bad(found: dict[str, Check]) -> dict[str, str]:
    return {c.what: c.found for c in found.values() if not c.ok}


def test_the_map_is_read_and_nothing_beside_it() -> None:
    assert mapped(shown(OURS)) == OURS
    assert mapped(shown({})) == {}


async def test_all_is_there() -> None:
    assert bad(await codes(OURS | {"acme": "*71"}, ACME)) == {}


async def test_a_code_that_is_not_in_the_map_is_named_with_its_tenant() -> None:
    found = await codes(OURS, ACME)
    assert bad(found) == {
        "tenants' codes": "not in the applicationmap, so dead inside a call: *71 (acme.test)"
    }
    assert "DYNAMIC_FEATURES" in found["tenants' codes"].mend


async def test_a_map_of_which_the_line_has_another_code() -> None:
    """The name is there, and what people dial is not."""
    found = bad(await codes(OURS | {"tapeline-pause": "*47", "acme": "*71"}, ACME))
    assert list(found) == ["tenants' codes"]
    assert "*48 (acme.test, beta.test)" in found["tenants' codes"]


@pytest.mark.parametrize(
    ("known", "wanted", "words"),
    [
        ({"a": "*7", "b": "*71"}, {"*7": ["a.test"], "*71": ["b.test"]}, "*7 (a.test) → *71 (b.test)"),
        ({"own": "*7", "b": "*71"}, {"*71": ["b.test"]}, "*7 → *71 (b.test)"),
        ({"a": "*7"}, {"*7": ["a.test"], "*71": ["b.test"]}, "*7 (a.test) → *71 (b.test)"),
    ],
    ids=["of two tenants", "of the operator's own", "that is not there yet"],
)
async def test_a_code_that_is_the_beginning_of_another(
    known: dict[str, str], wanted: dict[str, list[str]], words: str
) -> None:
    found = await codes(OURS | known, wanted)
    assert words in bad(found)["codes told apart"]


async def test_a_clash_that_is_nobody_s_code_is_not_ours_to_tell() -> None:
    found = await codes(OURS | {"x": "*9", "y": "*91", "acme": "*71"}, ACME)
    assert bad(found) == {}


async def test_a_code_that_cannot_be_dialled_as_a_call() -> None:
    found = bad(await codes(OURS | {"acme": "*71"}, ACME, calls="*48"))
    assert found == {"codes as calls": "in no context, so dead while the call is held: *71 (acme.test)"}
    # Without the context at all that one thing is told by itself, and not each code again.
    assert "codes as calls" not in await codes(OURS | {"acme": "*71"}, ACME, context=False)


async def test_of_many_only_some_are_named() -> None:
    wanted = {f"#{n}": [f"t{k}.test" for k in range(4)] for n in range(10, 20)}
    text = bad(await codes(OURS, wanted))["tenants' codes"]
    assert text.endswith("#14 (t0.test, t1.test, …) and 5 more")


async def test_names_that_the_controller_binds() -> None:
    found = await codes({"acme": "*71", "other": "*48"}, ACME)
    assert "tapeline-pause" in bad(found)["feature codes"]


async def test_the_menu_of_a_conference_room() -> None:
    room = "{0}=dialplan_exec(tapeline-conference,{0},1)".format
    wanted = {"*48": ["acme"], "*71": ["acme", "other"]}
    menus = {"default_menu": ["*=playback_and_continue(menu)", "1=toggle_mute"], "codes": [room("*48")]}
    found = await codes({"a": "*48", "b": "*71"}, wanted, menus=menus)
    assert [name for name in found if "rooms" in name] == ["codes in the rooms of codes"]
    check = found["codes in the rooms of codes"]
    assert not check.ok
    assert "*71" in check.found
    assert "*48" not in check.found
    menus["codes"].append(room("*71"))
    assert (await codes({"a": "*48", "b": "*71"}, wanted, menus=menus))["codes in the rooms of codes"].ok
