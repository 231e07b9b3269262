"""What is written about the API is what the API is."""

from __future__ import annotations

from controller.web.describing.openapi import resolved

from .draw_rest import DOCUMENT, described, draw


def test_the_reference_is_drawn_from_this_application() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == draw(), "run python -m tests.web.draw_rest"


def test_every_operation_and_parameter_is_described() -> None:
    plain = {
        "recording_id",
        "call_id",
        "account_id",
        "token_id",
        "role",
        "number",
        "tenant",
        "user",
        "name",
        "limit",
        "group_id",
        "hold_id",
        "note_id",
        "scope",
        "webhook_id",
        "session",
        "share_id",
        "tag",
        "view_id",
    }
    for path, methods in described()["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            for parameter in (resolved(described(), p) for p in operation.get("parameters", [])):
                assert parameter.get("description") or parameter["name"] in plain, (path, parameter["name"])
