"""Webhooks by REST and on the page: the secret once, what is refused, the log, another tenant's."""

from __future__ import annotations

import pytest

from controller.engine.ids import now
from controller.engine.people import Scope

from .world import World, form_token

#: A public address that is a number, so that no name is looked up.
URL = "https://93.184.215.14/hook"


async def test_a_webhook_by_rest_from_the_start_to_the_end(world: World) -> None:
    async with world.client("red-admin") as red, world.client("blue-admin") as blue:
        body = {"url": URL, "events": ["recording.available", "recording.started"], "label": "CRM"}
        made = await red.post("/api/v1/webhooks", json=body)
        assert made.status_code == 201, made.text
        assert made.json()["secret"].startswith("whsec_")
        hook = made.json()["webhook"]
        # In the order of the list, whatever order they came in.
        assert hook["events"] == ["recording.started", "recording.available"]
        assert (hook["tenant"], hook["enabled"], hook["parallel"]) == ("red.example", True, 4)
        url = f"/api/v1/webhooks/{hook['webhook_id']}"
        listed = await red.get("/api/v1/webhooks")
        assert [h["webhook_id"] for h in listed.json()["items"]] == [hook["webhook_id"]]
        assert made.json()["secret"] not in listed.text
        assert "sealed" not in listed.text
        others = (
            ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/secret"),
            ("GET", "/deliveries"), ("POST", "/replay"), ("POST", "/deliveries/1/replay"),
        )  # fmt: skip
        for method, end in others:
            answer = await blue.request(method, url + end, json={} if method == "PATCH" else None)
            assert answer.status_code == 404, (method, end)
        assert (await blue.get("/api/v1/webhooks")).json()["items"] == []
        changed = await red.patch(url, json={"enabled": False, "events": []})
        assert (changed.json()["enabled"], changed.json()["events"]) == (False, [])
        assert (await red.post(url + "/test")).status_code == 409
        await red.patch(url, json={"enabled": True})
        assert (await red.post(url + "/test")).status_code == 202
        assert (await red.post(url + "/secret")).json()["secret"] != made.json()["secret"]
        page = (await red.get(url + "/deliveries?limit=1")).json()
        assert [d["event"] for d in page["items"]] == ["webhook.test"]
        assert page["next"] is None
        assert (await red.post(f"{url}/deliveries/{page['items'][0]['number']}/replay")).json() == {
            "count": 1
        }
        assert (await red.post(f"{url}/deliveries/999/replay")).status_code == 404
        assert (await red.delete(url)).status_code == 204
        assert (await red.get(url)).status_code == 404
    audit = await world.catalog.audit_entries(Scope("red.example"))
    assert [e.action for e in audit if e.action.startswith("webhook")] == [
        "webhook removed", "webhook replayed", "webhook secret renewed", "webhook tested", "webhook changed",
        "webhook changed", "webhook made",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest", "ftp://93.184.215.14/",
            "https://user:secret@93.184.215.14/"],
)  # fmt: skip
async def test_addresses_of_this_network_are_refused(world: World, url: str) -> None:
    async with world.client("root") as root:
        answer = await root.post("/api/v1/webhooks", json={"url": url})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["where"] == "body.url"


async def test_the_systems_and_other_tenants(world: World) -> None:
    async with world.client("root") as root, world.client("red-admin") as red:
        made = (await root.post("/api/v1/webhooks", json={"url": URL})).json()["webhook"]
        assert made["tenant"] is None
        assert (await red.get(f"/api/v1/webhooks/{made['webhook_id']}")).status_code == 404
        answer = await red.post("/api/v1/webhooks", json={"url": URL, "tenant": "blue.example"})
        assert answer.status_code == 404


async def test_the_log_comes_in_pages(world: World) -> None:
    async with world.client("red-admin") as red:
        hook = (await red.post("/api/v1/webhooks", json={"url": URL})).json()["webhook"]
        url = f"/api/v1/webhooks/{hook['webhook_id']}"
        found = await world.catalog.hook(Scope(None), hook["webhook_id"])
        assert found is not None
        for n in range(5):
            await world.catalog.hook_test(found, f"msg_{n}_{now()}")
        numbers: list[int] = []
        before = ""
        while True:
            page = (await red.get(f"{url}/deliveries?limit=2{before}")).json()
            numbers += [d["number"] for d in page["items"]]
            if page["next"] is None:
                break
            before = f"&before={page['next']}"
        assert numbers == sorted(set(numbers), reverse=True)
        assert len(numbers) == 5
        assert (await red.get(f"{url}/deliveries?state=dead")).json()["items"] == []


async def test_on_the_page_the_secret_is_shown_once(world: World) -> None:
    async with world.browser("red-admin") as red:
        token = form_token((await red.get("/company/webhooks")).text)
        form = {"csrf": token, "url": "http://127.0.0.1/", "events": "recording.failed", "parallel": "1"}
        refused = await red.post("/company/webhooks", data=form)
        assert refused.status_code == 422
        assert "not public" in refused.text
        made = await red.post("/company/webhooks", data={**form, "url": URL})
        assert "whsec_" in made.text
        [hook] = await world.catalog.hooks(Scope("red.example"))
        assert [str(e) for e in hook.events] == ["recording.failed"]
        page = f"/company/webhooks/{hook.hook_id}"
        again = await red.get(page)
        assert "whsec_" not in again.text
        assert "whpk_" in again.text
        await red.post(page + "/test", data={"csrf": token})
        shown = (await red.get(page)).text
        assert "webhook.test" in shown
        off = await red.post(page, data={**form, "url": URL})
        assert off.status_code == 303
        [hook] = await world.catalog.hooks(Scope("red.example"))
        assert not hook.enabled
    async with world.browser("red-101") as user:
        assert (await user.get("/company/webhooks")).status_code == 403
