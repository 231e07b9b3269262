"""``tapeline tenant option``: what a tenant chooses besides the rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from ..catalog.facade import SqlCatalog
from ..core.errors import InvalidFeatureCode, InvalidPolicy
from ..core.options import DEFAULT_OPTIONS, TenantOptions, options_from, with_our_names
from ..engine.reading import Scope, TenantSettings
from . import changes
from .common import ConfigOption, JsonOption, NotPossible, console, print_json, with_catalog

tenants = typer.Typer(no_args_is_help=True, help="What a tenant chooses besides the rules.")
option = typer.Typer(no_args_is_help=True, help="Codes, pauses, tones, channels, format, new users.")
tenants.add_typer(option, name="option")

#: The options that hold several values, each of which is set by name: codes.*48, new_user.audio.
NESTED = ("codes", "new_user")
_BOOLEANS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}


@option.command("list")
def list_options(tenant: str, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """All options of a tenant, and what they are without being set."""

    async def work(catalog: SqlCatalog) -> None:
        known = await catalog.tenants(Scope(tenant))
        if not known:
            raise NotPossible(f"there is no tenant {tenant!r}")
        now, default = known[0].options.as_mapping(), DEFAULT_OPTIONS.as_mapping()
        if as_json:
            print_json(now)
            return
        table = Table("option", "value", "default")
        defaults = dict(flat(default))
        for key, value in flat(now):
            table.add_row(*map(Text, (key, shown(value), shown(defaults.get(key, "")))))
        console.print(table)

    with_catalog(config, work)


@option.command("set")
def set_options(
    tenant: str,
    settings: Annotated[
        list[str], typer.Argument(metavar="KEY=VALUE...", help="KEY= alone sets the default again.")
    ],
    config: ConfigOption = None,
) -> None:
    """Set options: `longest_pause_s=120`, `channels=stereo`, `format=mp3` (or
    `recorder_file_format=3`), `codes.*48=pause-recording`, `new_user.audio=on`.

    `KEY=` without a value sets the default again, `codes.*48=` takes a code away. Makes the tenant if
    there is none of this name. A running controller obeys within seconds.
    """

    async def work(catalog: SqlCatalog) -> None:
        before = await changes.tenant_settings(catalog, tenant) or TenantSettings(tenant)
        wanted = replace(before, options=changed(before.options, settings))
        await changes.set_tenant(catalog, wanted)

    with_catalog(config, work)


def changed(options: TenantOptions, settings: list[str]) -> TenantOptions:
    """The options with each KEY=VALUE laid over them. Raises InvalidPolicy, which names the key."""
    values = options.as_mapping()
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise InvalidPolicy(f"{setting[:60]!r}: want KEY=VALUE")
        head, dot, tail = key.partition(".")
        if dot and head in NESTED:
            _set_nested(values, head, tail, text)
        elif key == "recorder_file_format" and text:
            _set(values, "format", with_our_names({key: text})["format"])
        elif key in NESTED and text:
            raise InvalidPolicy(f"{key}: set its parts one by one, {_EXAMPLES[key]}")
        else:
            _set(values, key, text)
    try:
        return options_from(values)
    except InvalidFeatureCode as error:
        raise InvalidPolicy(f"codes: {error}") from error


_EXAMPLES = {"codes": "codes.*48=pause-recording", "new_user": "new_user.audio=on"}


def _set(values: dict[str, Any], key: str, text: str) -> None:
    if key not in values:
        raise InvalidPolicy(f"unknown option {key[:40]!r}; there are {', '.join(sorted(values))}")
    default = DEFAULT_OPTIONS.as_mapping()[key]
    values[key] = default if text == "" else _read(key, type(default), text)


def _set_nested(values: dict[str, Any], head: str, tail: str, text: str) -> None:
    parts = dict(values[head])
    if head == "codes":
        if text:
            parts[tail] = text
        elif parts.pop(tail, None) is None:
            raise InvalidPolicy(f"codes.{tail[:20]}: there is no such code to take away")
    else:
        defaults = DEFAULT_OPTIONS.as_mapping()[head]
        if tail not in defaults:
            raise InvalidPolicy(f"unknown option {f'{head}.{tail}'[:40]!r}; there are {', '.join(defaults)}")
        parts[tail] = text or defaults[tail]
    values[head] = parts


def _read(key: str, kind: type, text: str) -> Any:
    """A value of the kind that the option has, or the text as it is, for options_from to refuse."""
    if kind is bool:
        if text.lower() not in _BOOLEANS:
            raise InvalidPolicy(f"{key}: want true or false, not {text[:40]!r}")
        return _BOOLEANS[text.lower()]
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise InvalidPolicy(f"{key}: want a whole number, not {text[:40]!r}") from None
    return text


def flat(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The options as they are set: the parts of those that have parts under names of their own."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}.{part}", one) for part, one in value.items())
        else:
            yield key, value


def shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
