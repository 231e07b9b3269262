"""Draws the client's models from the OpenAPI description: ``python -m tests.client.draw_models``."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

from tests.web.draw_rest import described

FOLDER = Path(__file__).parents[2] / "controller/client/models"
#: File → the schemas that it is for; what several need is in ``common``.
GROUPS = {
    "recordings": ("RecordingView", "RecordingPage", "Annotations", "SpokenTranscript", "BulkView"),
    "calls": ("CallDetail", "CallPage", "LivePage", "LiveChange", "ControlView"),
    "reports": ("ReportView", "AuditPage", "AlarmPage", "SwitchPage"),
    "people": ("AccountPage", "GroupPage", "NewShare", "SharePage", "UserPage", "NewWebhook", "WebhookPage"),
    "common": ("ProblemBody",),
}
PAGE = re.compile(r"\w+(Page|List)$")
_HEAD = '''"""{about} Drawn by ``python -m tests.client.draw_models``: do not edit."""

from __future__ import annotations
'''
#: FastAPI leaves what only an event stream holds out of its components.
EXTRA = {
    "LiveChange": {
        "properties": {
            "call_id": {"type": "string"},
            "call": {"anyOf": [{"$ref": "#/components/schemas/LiveCall"}, {"type": "null"}]},
        },
        "required": ["call_id", "call"],
        "description": "The call as it is now; null when it has ended.",
    }
}


def schemas() -> dict[str, Any]:
    return {**described()["components"]["schemas"], **EXTRA}


def needed(name: str, found: dict[str, None]) -> None:
    """The schema and all within it, the innermost first."""
    if name in found:
        return
    for ref in re.findall(r"'#/components/schemas/([\w-]+)'", str(schemas()[name])):
        needed(ref, found)
    found[name] = None


def draw() -> dict[str, str]:
    """File name → its text."""
    of: dict[str, dict[str, None]] = {}
    for group, roots in GROUPS.items():
        of[group] = {}
        for root in roots:
            needed(root, of[group])
    shared = [n for n in schemas() if sum(n in names for names in of.values()) > 1 or n in of["common"]]
    order: dict[str, None] = {}
    for name in shared:
        needed(name, order)
    texts, where = {}, {}
    for group, names in {"common": order, **{g: of[g] for g in GROUPS if g != "common"}}.items():
        own = [n for n in names if n in order or group != "common"]
        own = [n for n in own if group == "common" or n not in order]
        own = [n for n in own if not PAGE.match(n)]
        where |= dict.fromkeys(own, group)
        texts[f"{group}.py"] = _file(group, own, order)
    names = sorted(where, key=lambda n: (where[n], n))
    lines = [
        f"from .{g} import {', '.join(sorted(n for n in names if where[n] == g))}"
        for g in sorted(set(where.values()))
    ]
    every = "".join(f'    "{n}",\n' for n in sorted(where))
    about = _HEAD.format(about="What the API answers, as typed models.")
    texts["__init__.py"] = about + "\n" + "\n".join(lines) + f"\n\n__all__ = [\n{every}]\n"
    return texts


def _file(group: str, names: list[str], common: dict[str, None]) -> str:
    bodies = [_class(name, schemas()[name]) for name in names]
    whole = "\n\n".join(bodies)
    imports = ["from datetime import datetime"] if "datetime" in whole else []
    typing = [word for word in ("Any", "Literal") if re.search(rf"\b{word}\b", whole)]
    imports += [f"from typing import {', '.join(typing)}"] if typing else []
    text = _HEAD.format(about=f"The API's answers: {group}.") + "\n" + "\n".join(imports)
    if "(Model)" in whole:
        text += "\n\nfrom .base import Model\n"
    used = sorted(n for n in common if group != "common" and re.search(rf"\b{n}\b", whole))
    text += f"from .common import {', '.join(used)}\n" if used else ""
    return f"{text}\n\n{whole}\n"


def _class(name: str, schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return f"{name} = Literal[{', '.join(repr(v) for v in schema['enum'])}]".replace("'", '"')
    about = " ".join(schema.get("description", "").replace("``", "`").split())
    lines = [f"class {name}(Model):"]
    if about:
        lines.append(textwrap.fill(f'"""{about}"""', 105, initial_indent="    ", subsequent_indent="    "))
        lines.append("")
    required = schema.get("required", ())
    for member, kind in schema.get("properties", {}).items():
        text = _type(kind)
        default = ""
        if member not in required:
            default = " = None"
            text = text if text.endswith("None") or text == "Any" else f"{text} | None"
        lines.append(f"    {member}: {text}{default}")
    return "\n".join(lines)


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        kinds = [_type(one) for one in schema["anyOf"]]
        return " | ".join(dict.fromkeys(k for k in kinds if k != "None")) + (
            " | None" if "None" in kinds else ""
        )
    if "enum" in schema:
        return f"Literal[{', '.join(repr(v) for v in schema['enum'])}]".replace("'", '"')
    if schema.get("type") == "array":
        if "prefixItems" in schema:
            return f"tuple[{', '.join(_type(one) for one in schema['prefixItems'])}]"
        return f"list[{_type(schema.get('items', {}))}]"
    if schema.get("type") == "object":
        more = schema.get("additionalProperties")
        return f"dict[str, {_type(more) if isinstance(more, dict) else 'Any'}]"
    if schema.get("format") == "date-time":
        return "datetime"
    names = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
    return names.get(str(schema.get("type")), "Any")


if __name__ == "__main__":
    for name, text in draw().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
