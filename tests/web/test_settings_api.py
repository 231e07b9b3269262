"""The REST API's settings and rules: replaced, changed in part, refused by name, in the audit, in force."""

from __future__ import annotations

import pytest

from controller.core.direction import Direction
from controller.core.media_kinds import OPERATIONS
from controller.core.options import Channels, PauseStyle
from controller.core.rules import Mode, PolicyScope, Setting
from controller.engine.reading import Scope

from .world import World

EVERY = ["inbound", "outbound", "internal", "external"]
RED = "/api/v1/tenants/red.example"


async def audit(world: World) -> list[tuple[str, str | None, str, str]]:
    """Newest first: who, in which tenant, what, how."""
    entries = await world.catalog.audit_entries(Scope(None))
    return [(e.account, e.tenant, e.subject, e.detail) for e in entries if e.action == "setting"]


async def test_the_systems_settings(world: World) -> None:
    path = "/api/v1/settings/system"
    async with world.client("root") as root:
        fresh = {"record_external": False, "audio": "inherit", "video": "inherit", "directions": EVERY}
        assert (await root.get(path)).json() == fresh
        changed = await root.patch(path, json={"audio": "require", "directions": ["outbound", "inbound"]})
        wanted = {**fresh, "audio": "require", "directions": ["inbound", "outbound"]}
        assert changed.json() == wanted == (await root.get(path)).json()
        assert (await root.patch(path, json={"record_external": True})).json() == {
            **wanted,
            "record_external": True,
        }
        replaced = await root.put(path, json={"record_external": True})
        assert replaced.json() == {**fresh, "record_external": True}
    policy = await world.catalog.policy()
    assert policy.record_external
    assert world.control.reloads == 3
    assert await audit(world) == [
        ("root", None, "system", "audio: require → inherit; directions: inbound+outbound → "
         "inbound+outbound+internal+external"),
        ("root", None, "system", "record_external: off → on"),
        ("root", None, "system", "audio: inherit → require; directions: "
         "inbound+outbound+internal+external → inbound+outbound"),
    ]  # fmt: skip


async def test_a_users_settings(world: World) -> None:
    path = f"{RED}/users/103"
    async with world.client("red-admin") as red:
        assert (await red.patch(path, json={"audio": "on"})).status_code == 404
        body = {"name": "Zoë", "audio": "on", "mode": "on_demand", "sample_percent": 12.5}
        made = (await red.put(path, json=body)).json()
        assert made == {
            "tenant": "red.example", "user": "103", "name": "Zoë", "audio": "on", "video": "inherit",
            "directions": EVERY, "mode": "on_demand", "sample_percent": 12.5,
        }  # fmt: skip
        changed = await red.patch(path, json={"video": "forbid", "directions": ["internal"]})
        assert changed.json() == {**made, "video": "forbid", "directions": ["internal"]}
        assert (await red.get(path)).json() == changed.json()
        replaced = (await red.put(path, json={})).json()
        assert (replaced["audio"], replaced["name"], replaced["mode"]) == ("inherit", "", "always_pause")
        for bad in ("a%20b", "a@b", "%00", "x" * 129):
            assert (await red.put(f"{RED}/users/{bad}", json=body)).status_code == 422
    rule = (await world.catalog.policy()).user("red.example", "103")
    assert rule is not None
    assert (rule.video, rule.directions) == (Setting.INHERIT, frozenset(Direction))
    subjects = await audit(world)
    assert [(who, tenant, subject) for who, tenant, subject, _ in subjects] == [
        ("red-admin", "red.example", "user 103@red.example")
    ] * 3
    assert subjects[1][3] == "video: inherit → forbid; directions: " \
        "inbound+outbound+internal+external → internal"  # fmt: skip
    assert subjects[2][3].startswith("new: name: Zoë, audio: on,")


async def test_a_tenants_options_are_changed_one_by_one(world: World) -> None:
    async with world.client("red-admin") as red:
        whole = (await red.get(RED)).json()
        options = {"longest_pause_s": 90, "pause_style": "cut", "new_user": {"mode": "on_demand"}}
        answer = await red.patch(RED, json={"audio": "on", "options": options})
        assert answer.status_code == 200, answer.text
        wanted = {
            **whole["options"], "longest_pause_s": 90, "pause_style": "cut",
            "new_user": {"audio": "off", "video": "off", "mode": "on_demand"},
        }  # fmt: skip
        assert answer.json() == {**whole, "audio": "on", "options": wanted}
        codes = {"*1": "pause-recording", "*2": "resume-recording"}
        stereo = {"codes": codes, "channels": "stereo", "new_user": {"audio": "on"}}
        kept = (await red.patch(RED, json={"options": stereo})).json()
        assert kept["options"]["codes"] == codes, "codes are replaced as a whole"
        assert kept["options"]["new_user"] == {"audio": "on", "video": "off", "mode": "on_demand"}
        assert kept["options"]["longest_pause_s"] == 90
        assert kept["audio"] == "on"
        replaced = (await red.put(RED, json={"options": {"pause_tone": True}})).json()
        assert replaced == {**whole, "options": {**whole["options"], "pause_tone": True}}
    stored = (await world.catalog.policy()).options_of("red.example")
    assert (stored.pause_tone, stored.pause_style, stored.channels) == (True, PauseStyle.MASK, Channels.MONO)
    details = [detail for *_, detail in await audit(world)]
    assert "codes: " in details[1]
    assert "*48=pause" in details[1]
    assert "→ *1=pause *2=resume" in details[1]
    assert "channels: mono → stereo" in details[1]
    assert "new_user.audio: off → on" in details[1]
    assert world.control.reloads == 3


@pytest.mark.parametrize(
    ("body", "where", "words"),
    [
        ({"audio": "sometimes"}, "body.audio", "inherit"),
        ({"record_audio": True}, "body.record_audio", "not permitted"),
        ({"directions": []}, "body.directions", "at least 1"),
        ({"directions": ["sideways"]}, "body.directions", "inbound"),
        ({"options": {"pause_style": "gap"}}, "body.options.pause_style", "mask"),
        ({"options": {"pauses": 1}}, "body.options.pauses", "not permitted"),
        ({"options": {"longest_pause_s": 86401}}, "body.options.longest_pause_s", "86400"),
        ({"options": {"longest_pause_s": None}}, "body.options.longest_pause_s", "integer"),
        ({"options": {"beep_every_s": 4}}, "body.options.beep_every_s", "5 to 3600"),
        ({"options": {"announcement": "../../etc"}}, "body.options.announcement", "letters, digits"),
        ({"options": {"announce_to": "everybody"}}, "body.options.announce_to", "needs an announcement"),
        ({"options": {"new_user": {"mode": "now"}}}, "body.options.new_user.mode", "always"),
        ({"options": {"codes": {"*4": "pause-recording", "*48": "stop-recording"}}}, "body.options.codes",
         "*4 is the beginning of *48"),
        ({"options": {"codes": {"48": "pause-recording"}}}, "body.options.codes", "no feature code"),
        ({"options": {"codes": {"*48": "erase"}}}, "body.options.codes", "no operation"),
    ],
)  # fmt: skip
async def test_what_cannot_be_meant_is_named(
    world: World, body: dict[str, object], where: str, words: str
) -> None:
    async with world.client("red-admin") as red:
        before = (await red.get(RED)).json()
        for method in ("PUT", "PATCH"):
            answer = await red.request(method, RED, json=body)
            assert answer.status_code == 422, answer.text
            faults = {f["where"]: f["problem"] for f in answer.json()["errors"]}
            named = next(
                (text for at, text in faults.items() if at == where or at.startswith(f"{where}.")), ""
            )
            assert words in named, faults
        assert (await red.get(RED)).json() == before
    assert world.control.reloads == 0


async def test_each_wrong_option_is_named_and_right_ones_are_not(world: World) -> None:
    async with world.client("red-admin") as red:
        options = {"beep_every_s": 1, "announcement": "a b", "announce_to": "external", "longest_pause_s": 5}
        answer = await red.patch(RED, json={"options": options})
        faults = {f["where"] for f in answer.json()["errors"]}
        assert faults == {"body.options.beep_every_s", "body.options.announcement"}
        said = {"announcement": "ivr/recorded.wav", "announce_to": "external"}
        assert (await red.patch(RED, json={"options": said})).status_code == 200
        gone = await red.patch(RED, json={"options": {"announcement": ""}})
        assert gone.json()["errors"][0]["where"] == "body.options.announcement"
        both = {"announcement": "", "announce_to": "nobody"}
        assert (await red.patch(RED, json={"options": both})).status_code == 200


@pytest.mark.parametrize("name", ["Sales", "Tier 2/3 (EN)", "support@default", "../..", "Zürich"])
async def test_rules_are_made_listed_replaced_and_removed(world: World, name: str) -> None:
    path = f"{RED}/rules/queue/" + name.replace("/", "%2F").replace("..", "%2E%2E")
    async with world.client("red-admin") as red:
        assert (await red.get(path)).status_code == 404
        made = await red.put(path, json={"audio": "on", "sample_percent": 10})
        assert made.json() == {
            "scope": "queue", "tenant": "red.example", "name": name, "audio": "on", "video": "inherit",
            "directions": EVERY, "mode": "always_pause", "sample_percent": 10,
        }  # fmt: skip
        assert (
            (await red.get("/api/v1/rules")).json()["items"]
            == [made.json()]
            == [(await red.get(path)).json()]
        )
        assert (await red.get("/api/v1/rules", params={"scope": "trunk"})).json()["items"] == []
        replaced = await red.put(path, json={"video": "forbid"})
        assert (replaced.json()["audio"], replaced.json()["sample_percent"]) == ("inherit", 100)
        stored = [r for r in (await world.catalog.policy()).rules if r.scope is PolicyScope.QUEUE]
        assert [(r.name, r.video) for r in stored] == [(name, Setting.FORBID)]
        assert (await red.delete(path)).status_code == 204
        assert (await red.delete(path)).status_code == 404
        assert (await red.get("/api/v1/rules")).json()["items"] == []
    assert world.control.reloads == 3
    subjects = await audit(world)
    assert {(tenant, subject) for _, tenant, subject, _ in subjects} == {
        ("red.example", f"queue {name}@red.example")
    }
    assert subjects[0][3].startswith("removed: audio: inherit, video: forbid")
    assert subjects[1][3] == "audio: on → inherit; video: inherit → forbid; sample_percent: 10 → 100"


async def test_a_rule_that_cannot_be_meant_is_refused(world: World) -> None:
    async with world.client("red-admin") as red:
        sampled = await red.put(f"{RED}/rules/ring_group/all", json={"sample_percent": 50})
        assert sampled.status_code == 422
        assert sampled.json()["errors"] == [
            {"where": "body.sample_percent", "problem": "only queues and users have a sample"}
        ]
        for scope in ("user", "tenant", "system", "castle"):
            answer = await red.put(f"{RED}/rules/{scope}/x", json={"audio": "forbid"})
            assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, "path.scope")
        for name in ("%20x", "x%20", "%00", "a" * 201):
            assert (await red.put(f"{RED}/rules/queue/{name}", json={})).status_code == 422, name
        moded = await red.put(f"{RED}/rules/queue/x", json={"mode": "never"})
        assert moded.json()["errors"][0]["where"] == "body.mode"
    assert await world.catalog.rules(Scope(None)) == []
    assert world.control.reloads == 0


async def test_the_systems_trunks_are_the_systems_alone(world: World) -> None:
    path = "/api/v1/settings/system/trunks/carrier%2F1"
    async with world.client("root") as root, world.client("red-admin") as red:
        assert (await root.put(path, json={"audio": "require"})).json()["tenant"] is None
        assert (await red.put(f"{RED}/rules/trunk/own", json={"audio": "off"})).status_code == 200
        assert [r["name"] for r in (await root.get("/api/v1/rules")).json()["items"]] == ["carrier/1", "own"]
        assert [r["name"] for r in (await red.get("/api/v1/rules")).json()["items"]] == ["own"]
        assert (await red.get(path)).status_code == 403
        assert (await red.delete(path)).status_code == 403
        assert (await red.get(f"{RED}/rules/trunk/carrier%2F1")).status_code == 404
        assert (await red.delete(f"{RED}/rules/trunk/carrier%2F1")).status_code == 404
        assert (await root.get(path)).json()["audio"] == "require"
        assert (await root.delete(path)).status_code == 204
        assert (await root.get(path)).status_code == 404
    assert (await audit(world))[0][1:3] == (None, "trunk carrier/1 of the system")


async def test_every_operation_may_be_a_codes(world: World) -> None:
    codes = {f"*{n:03}": name for n, name in enumerate(OPERATIONS)}
    async with world.client("red-admin") as red:
        answer = await red.patch(RED, json={"options": {"codes": codes}})
        assert answer.json()["options"]["codes"] == codes
    stored = (await world.catalog.policy()).options_of("red.example").codes
    assert {code: str(what) for code, what in stored.items()} == codes


async def test_modes_are_kept(world: World) -> None:
    async with world.client("red-admin") as red:
        for mode in Mode:
            answer = await red.put(f"{RED}/users/103", json={"audio": "on", "mode": mode.value})
            assert answer.json()["mode"] == mode
            rule = (await world.catalog.policy()).user("red.example", "103")
            assert rule is not None
            assert rule.mode is mode


async def test_the_reference_products_format_number(world: World) -> None:
    """It is taken as the format and never answered; both at once have to agree."""
    async with world.client("red-admin") as client:
        path = "/api/v1/tenants/red.example"
        answer = await client.patch(path, json={"options": {"recorder_file_format": 3}})
        options = answer.json()["options"]
        assert (options["format"], options["keep_original"]) == ("mp3", True)
        assert "recorder_file_format" not in options
        assert (await client.patch(path, json={"options": options})).json()["options"] == options
        both = {"options": {"recorder_file_format": 2, "format": "mp3"}}
        refused = await client.patch(path, json=both)
        assert refused.status_code == 422
        assert "recorder_file_format" in refused.text
        for wrong in (0, 4, "3"):
            wrong_one = {"options": {"recorder_file_format": wrong}}
            assert (await client.patch(path, json=wrong_one)).status_code == 422
