"""Draws what the documents take from the source: ``python -m tests.docs.draw``.

A drawn document has a head that people write, up to ``<!-- drawn -->``; the rest comes from here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from controller.config import (
    AsteriskConfig,
    Config,
    DatabaseConfig,
    FormatsConfig,
    FreeSwitchConfig,
    JobsConfig,
    LocalStoreConfig,
    NodeConfig,
    ProofConfig,
    RetentionConfig,
    S3StoreConfig,
    SealingConfig,
    StorageConfig,
    TracesConfig,
    TranscriptionConfig,
    WebConfig,
    WebhooksConfig,
)
from controller.config.sign_in import OidcConfig, OidcRuleConfig, SignInConfig
from tests.command_tree import command_tree

from .documents import DOCS, MARK

SECTIONS: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("The file's own keys", "", Config),
    ('`[[switches]]` with `kind = "freeswitch"`', "TAPELINE_SWITCHES__NAME__", FreeSwitchConfig),
    ('`[[switches]]` with `kind = "asterisk"`', "TAPELINE_SWITCHES__NAME__", AsteriskConfig),
    ("`[storage]`", "TAPELINE_STORAGE__", StorageConfig),
    ('`[[stores]]` with `kind = "local"`', "TAPELINE_STORES__NAME__", LocalStoreConfig),
    ('`[[stores]]` with `kind = "s3"`', "TAPELINE_STORES__NAME__", S3StoreConfig),
    ("`[[sealing]]`", "TAPELINE_SEALING__NAME__", SealingConfig),
    ("`[database]`", "TAPELINE_DATABASE__", DatabaseConfig),
    ("`[web]`", "TAPELINE_WEB__", WebConfig),
    ("`[proof]`", "TAPELINE_PROOF__", ProofConfig),
    ("`[jobs]`", "TAPELINE_JOBS__", JobsConfig),
    ("`[node]`", "TAPELINE_NODE__", NodeConfig),
    ("`[transcription]`", "TAPELINE_TRANSCRIPTION__", TranscriptionConfig),
    ("`[formats]`", "TAPELINE_FORMATS__", FormatsConfig),
    ("`[retention]`", "TAPELINE_RETENTION__", RetentionConfig),
    ("`[webhooks]`", "TAPELINE_WEBHOOKS__", WebhooksConfig),
    ("`[traces]`", "TAPELINE_TRACES__", TracesConfig),
    ("`[sign_in]`", "TAPELINE_SIGN_IN__", SignInConfig),
    ("`[sign_in.oidc]`", "TAPELINE_SIGN_IN__OIDC__", OidcConfig),
    ("`[[sign_in.oidc.rules]]`", "", OidcRuleConfig),
)

#: Keys of the file that have a table of their own.
SECTION_KEYS = (
    "storage",
    "database",
    "web",
    "proof",
    "jobs",
    "node",
    "transcription",
    "formats",
    "retention",
    "sign_in",
    "webhooks",
    "traces",
)


# ── the configuration ─────────────────────────────────────────────────────────────────────────


def configuration() -> str:
    parts = []
    for title, prefix, section in SECTIONS:
        rows = [
            f"| `{key}` | {_kind(field)} | {_default(field)} | {_meaning(key, field)} |"
            for key, field in section.model_fields.items()
            if not (section is Config and key in SECTION_KEYS)
        ]
        about = (section.__doc__ or "").strip()
        variable = f"As variables: `{prefix or 'TAPELINE_'}` and the key in capitals."
        parts.append(
            "\n".join(
                [f"## {title}", "", *([about, ""] if about and section is not Config else []),
                 "| Key | Value | Default | Meaning |", "|---|---|---|---|", *rows, "", variable, ""]
            )
        )  # fmt: skip
    return "\n" + "\n".join(parts)


def _kind(field: FieldInfo) -> str:
    inner = [a for a in get_args(field.annotation) if a is not NoneType]
    kind: Any = field.annotation
    if get_origin(kind) in (Union, UnionType) and len(inner) == 1:
        kind = inner[0]
    if get_origin(kind) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(kind))
    lowest = next((m.ge for m in field.metadata if isinstance(m, Ge)), None)
    highest = next((m.le for m in field.metadata if isinstance(m, Le)), None)
    words: dict[Any, str] = {str: "text", bool: "`true` or `false`", Path: "path"}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f"`{member.value}`" for member in kind)
    if kind is int:
        return f"{lowest} … {highest}" if lowest is not None else "whole number"
    if kind is float:
        return f"{lowest} … {highest}" if lowest is not None else "number"
    if kind in words:
        return words[kind]
    if get_origin(kind) is dict:
        return "table of texts" if get_args(kind)[1] is str else "table of numbers"
    if get_origin(kind) is tuple:
        of = get_args(kind)[0]
        return "list of texts" if isinstance(of, type) and issubclass(of, str) else "list of sections"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f"`{member.value}`" for member in kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "section"
    raise TypeError(f"say in words what a {kind} is")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{v}"' for v in value) + "]`"
    return f"`{value}`"


def _meaning(key: str, field: FieldInfo) -> str:
    if key == "kind":
        return "Which kind of switch it is."
    assert field.description, f"config.py does not describe {key}"
    return field.description


# ── the command line ──────────────────────────────────────────────────────────────────────────


def command_line() -> str:
    parts: list[str] = []
    _commands(command_tree(), "tapeline", parts)
    return "\n" + "\n".join(parts)


def _commands(command: Any, name: str, parts: list[str]) -> None:
    children = getattr(command, "commands", None)
    if children is not None:
        for child in sorted(children):
            _commands(children[child], f"{name} {child}", parts)
        return
    hints = get_type_hints(_innermost(command.callback))
    arguments = [p for p in command.params if not p.opts[0].startswith("-")]
    options = [p for p in command.params if p.opts[0].startswith("-") and p.name in hints]
    usage = " ".join(
        [name, *(p.metavar or p.name.upper() for p in arguments), *(["[OPTIONS]"] if options else [])]
    )
    lines = [f"## `{usage}`", "", " ".join((command.help or "").split()), ""]
    if options:
        lines += ["| Option | Value | Default | Meaning |", "|---|---|---|---|"]
        lines += [_option(p, hints[p.name]) for p in options] + [""]
    parts.append("\n".join(lines))


def _innermost(function: Callable[..., Any]) -> Callable[..., Any]:
    return inspect.unwrap(function)


def _option(option: Any, hint: Any) -> str:
    names = ", ".join(f"`{o}`" for o in (*option.opts, *option.secondary_opts))
    kinds = [k for k in (get_args(hint) or (hint,)) if k is not NoneType]
    kind = kinds[0]
    if option.is_flag:
        value = "–"
    elif isinstance(kind, type) and issubclass(kind, Enum):
        value = " or ".join(f"`{member.value}`" for member in kind)
    else:
        value = {Path: "path", int: "whole number", float: "number"}.get(kind, "text")
    default = option.default
    if isinstance(default, Enum):
        default = default.value
    if option.required:
        shown = "required"
    elif isinstance(option.show_default, str):
        shown = f"`{option.show_default}`"
    elif option.is_flag and option.secondary_opts and default is None:
        shown = "unchanged"
    else:
        shown = "–" if default in (None, False) else f"`{default}`"
    meaning = " ".join((option.help or "").split())
    if option.envvar:
        meaning += f" Or the variable `{option.envvar}`."
    return f"| {names} | {value} | {shown} | {meaning} |"


# ── all of them ───────────────────────────────────────────────────────────────────────────────

DRAWN: dict[Path, Callable[[], str]] = {
    DOCS / "reference/configuration.md": configuration,
    DOCS / "reference/cli.md": command_line,
}


def whole(document: Path) -> str:
    """The document with its drawn part as it should be now."""
    head, mark, _ = document.read_text(encoding="utf-8").partition(MARK)
    assert mark, f"{document.name} has no line {MARK.strip()}"
    return (head + MARK + DRAWN[document]()).rstrip() + "\n"


if __name__ == "__main__":
    for path in DRAWN:
        path.write_text(whole(path), encoding="utf-8")
