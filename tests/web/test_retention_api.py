"""Tags, the trash, rules, holds and erasures by REST: who may, what comes of it, what is refused."""

from __future__ import annotations

from datetime import timedelta

from controller.engine.reading import Scope

from .world import World

API = "/api/v1"


async def test_tags_and_notes_of_ones_own_recordings(world: World) -> None:
    red = f"{API}/recordings/{world.recordings['red']}"
    async with world.client("red-101") as user, world.client("blue-admin") as blue:
        assert (await user.put(f"{red}/tags/Claim")).status_code == 204
        noted = await user.post(f"{red}/notes", json={"text": "<script>alert(1)</script>"})
        assert noted.status_code == 201
        assert noted.json()["tags"] == ["claim"]
        assert (await user.post(f"{red}/notes", json={"text": " "})).status_code == 422
        assert (await user.put(f"{red}/tags/{'x' * 51}")).status_code == 422
        note = noted.json()["notes"][0]["note_id"]
        for answer in (
            await blue.get(f"{red}/annotations"), await blue.put(f"{red}/tags/mine"),
            await blue.delete(f"{red}/notes/{note}"), await blue.delete(f"{red}/tags/claim"),
        ):  # fmt: skip
            assert answer.status_code == 404
        assert (await user.delete(f"{red}/notes/{note}")).status_code == 204
        assert (await user.delete(f"{red}/tags/claim")).status_code == 204
        assert (await user.delete(f"{red}/tags/claim")).status_code == 404
        found = (await user.get(f"{red}/annotations")).json()
        assert (found["tags"], found["notes"]) == ([], [])


async def test_deleted_restored_and_gone(world: World) -> None:
    world.story.at += timedelta(hours=1)
    recording_id = world.recordings["red"]
    red = f"{API}/recordings/{recording_id}"
    async with world.client("red-admin") as admin, world.client("red-101") as user:
        assert (await user.delete(red)).status_code == 403
        assert (await admin.delete(f"{red}?why=asked")).status_code == 204
        for path in (
            red,
            f"{red}/audio",
            f"{red}/download",
            f"{red}/files/rendition/0",
            f"{red}/annotations",
        ):
            assert (await admin.get(path)).status_code == 404, path
        (item,) = (await admin.get(f"{API}/trash")).json()["items"]
        assert (item["recording_id"], item["deletion"]["why"]) == (recording_id, "asked")
        assert (await user.get(f"{API}/trash")).status_code == 403
        async with world.client("blue-admin") as blue:
            assert (await blue.get(f"{API}/trash")).json()["items"] == []
            assert (await blue.post(f"{API}/trash/{recording_id}/restore")).status_code == 404
        assert (await admin.post(f"{API}/trash/{recording_id}/restore")).status_code == 204
        assert (await admin.get(f"{red}/audio")).status_code == 200
        await admin.delete(red)
        assert (await admin.delete(f"{API}/trash/{recording_id}")).status_code == 204
        assert (await admin.post(f"{API}/trash/{recording_id}/restore")).status_code == 404


async def test_rules_are_previewed_and_holds_refuse(world: World) -> None:
    world.story.at += timedelta(days=10)
    recording_id = world.recordings["red"]
    mine = f"{API}/tenants/red.example/retention"
    rule = {"delete_after_days": 5}
    async with world.client("red-admin") as admin, world.client("red-officer") as officer:
        seen = (await officer.post(f"{mine}/preview", json=rule)).json()
        assert seen["due"] >= 1
        assert (await officer.put(mine, json=rule)).status_code == 403
        assert (await admin.put(mine, json={"keep_days": 9, **rule})).status_code == 422
        assert (await admin.put(mine, json=rule)).status_code == 204
        whole = (await admin.get(mine)).json()
        assert [r["delete_after_days"] for r in whole["rules"]] == [5]
        assert whole["outlook"] == seen
        assert (await admin.post(f"{mine}/confirm", json={"digest": whole["digest"]})).status_code == 409
        holds = f"{API}/tenants/red.example/holds"
        hold = (await officer.post(holds, json={"name": "case", "reason": "court"})).json()["hold_id"]
        held = f"{API}/holds/{hold}/recordings/{recording_id}"
        assert (await officer.put(held)).status_code == 204
        refused = await admin.delete(f"{API}/recordings/{recording_id}")
        assert refused.status_code == 409
        assert "“case”" in refused.json()["detail"]
        async with world.client("blue-admin") as blue:
            assert (await blue.post(f"{API}/holds/{hold}/lift")).status_code == 404
            assert (await blue.get(f"{API}/holds")).json()["items"] == []
        assert (await officer.post(f"{API}/holds/{hold}/lift?why=over")).status_code == 204
        assert (await officer.delete(held)).status_code == 404
        assert (await admin.delete(mine)).status_code == 204
        assert (await admin.delete(mine)).status_code == 404


async def test_an_erasure_needs_the_word_of_its_preview(world: World) -> None:
    world.story.at += timedelta(hours=1)
    path = f"{API}/tenants/red.example/erasure"
    async with world.client("red-admin") as admin, world.client("red-officer") as officer:
        assert (await officer.post(path, json={"person": "101"})).status_code == 403
        preview = (await admin.post(path, json={"person": "101"})).json()
        assert preview["erasure"]["going"]
        assert not preview["erased"]
        for word in ("1.abc", "x", f"99999999999.{'0' * 64}", preview["word"][:-1] + "!"):
            assert (await admin.post(path, json={"person": "101", "word": word})).status_code == 409
        other = await admin.post(path, json={"person": "102", "word": preview["word"]})
        assert other.status_code == 409
        async with world.client("root") as root:
            assert (await root.post(path, json={"person": "101", "word": preview["word"]})).status_code == 409
        world.story.at += timedelta(minutes=16)
        assert (await admin.post(path, json={"person": "101", "word": preview["word"]})).status_code == 409
        again = (await admin.post(path, json={"person": "101"})).json()
        done = (await admin.post(path, json={"person": "101", "word": again["word"]})).json()
        assert done["erased"]
        ids = {one["recording_id"] for one in done["erasure"]["going"]}
        assert world.recordings["red"] in ids
    assert await world.catalog.recording(Scope("red.example"), world.recordings["red"]) is None
    assert await world.catalog.recording(Scope("blue.example"), world.recordings["blue"]) is not None
