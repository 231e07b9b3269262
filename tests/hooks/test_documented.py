"""docs/reference/webhooks.md names every event, and its receiver accepts what is sent."""

from __future__ import annotations

import json

from controller.engine.hooks import MEANING, HookEvent
from controller.hooks.signing import HookKeys
from tests.docs.documents import DOCS, blocks, table_after

TEXT = (DOCS / "reference/webhooks.md").read_text(encoding="utf-8")


def test_every_event_is_documented() -> None:
    rows = {row[0].strip("`"): row[1] for row in table_after(TEXT, "## Events")}
    assert rows == {str(event): MEANING[event] for event in HookEvent}


def test_the_receiver_of_the_example_takes_what_is_signed_and_nothing_else() -> None:
    [code] = [b.text for b in blocks(TEXT) if b.language == "python"]
    [body] = [b.text.encode() for b in blocks(TEXT) if b.language == "json"]
    json.loads(body)
    names: dict[str, object] = {}
    exec(compile(code, "webhooks.md", "exec"), names)
    genuine = names["genuine"]
    assert callable(genuine)
    keys = HookKeys(b"k" * 32)
    secret, sealed = keys.new_secret("one")
    headers = keys.headers(
        "msg_1", 1_000, body, [keys.new_secret("one")[0].encode(), keys.open("one", sealed)]
    )
    assert genuine(headers, body, secret, 1_100)
    assert not genuine(headers, body + b" ", secret, 1_100)
    assert not genuine(headers, body, secret, 1_400)
    assert not genuine({**headers, "webhook-id": "msg_2"}, body, secret, 1_100)
    assert not genuine(headers, body, keys.new_secret("one")[0], 1_100)
