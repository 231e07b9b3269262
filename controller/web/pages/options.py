"""Company › General › Options: a tenant's rule, and everything else that it chooses."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from ...core.errors import InvalidPolicy
from ...core.feature_codes import validated
from ...core.formats import FormatChoice
from ...core.media_kinds import OPERATIONS
from ...core.options import (
    Alone,
    Answers,
    Channels,
    GapStyle,
    Hears,
    PauseStyle,
    Redaction,
    SecondFactorFor,
    ShareLinks,
    TenantOptions,
    Transcripts,
)
from ...core.rules import Mode, Setting
from ...engine.forecasting import Forecast
from ...engine.reading import Account, TenantSettings
from .. import changes
from ..access import address_of
from ..forecasts import forecast_of
from ..option_faults import OptionFaults, with_options
from ..permits import OptionsChanger, PolicyReader
from ..services import Parts, Services
from . import choices, rule_form
from .forms import E, Sheet
from .names import tenant_for
from .rendering import page

router = APIRouter(prefix="/company/options")

#: Empty rows for more codes at the end of the table.
SPARE_ROWS = 2


@router.get("")
async def options_page(
    request: Request, parts: Parts, me: PolicyReader, tenant: Annotated[str, Query(max_length=253)] = ""
) -> Response:
    tenants = [t.tenant for t in await parts.settings.tenants(me.scope)]
    wanted = tenant.strip() or me.tenant or next(iter(tenants), "")
    if not wanted:
        return page(request, "options.html", tenants=[], settings=None, saved=False)
    found = await _settings(parts, tenant_for(me, wanted))
    saved = request.query_params.get("saved") == "1"
    shown = _shown(parts, found, tenants, _sheet(found))
    if saved:
        shown["done"] = await changes.last_change(parts, me, f"tenant {found.tenant}")
    return page(request, "options.html", **shown, saved=saved)


@router.post("")
async def save_options(request: Request, parts: Parts, me: OptionsChanger) -> Response:
    sheet = await Sheet.sent(request)
    found = await _settings(parts, tenant_for(me, sheet.one("tenant")))
    wanted = replace(found, options=_options(sheet, found.options), **rule_form.read(sheet))
    if sheet.faults:
        return await _again(request, parts, me, found, sheet)
    if sheet.ticked("preview"):
        rules, options = [wanted.rule], {wanted.tenant: wanted.options}
        foreseen = await forecast_of(parts, wanted.tenant, rules, options=options)
        return await _again(request, parts, me, found, sheet, foreseen)
    await changes.set_tenant(parts, me, wanted, address_of(request))
    return RedirectResponse(f"/company/options?tenant={quote(wanted.tenant, safe='')}&saved=1", 303)


async def _again(
    request: Request, parts: Services, me: Account, found: TenantSettings, sheet: Sheet,
    foreseen: Forecast | None = None,
) -> Response:  # fmt: skip
    tenants = [t.tenant for t in await parts.settings.tenants(me.scope)]
    shown = _shown(parts, found, tenants, sheet) | {"foreseen": foreseen}
    return page(request, "options.html", 200 if foreseen else 422, **shown, saved=False)


async def _settings(parts: Services, tenant: str) -> TenantSettings:
    return await changes.tenant_settings(parts, tenant) or TenantSettings(tenant)


def _shown(parts: Services, found: TenantSettings, tenants: list[str], sheet: Sheet) -> dict[str, Any]:
    rows = list(zip_longest(sheet.many("code"), sheet.many("operation"), fillvalue=""))
    rows = [row for row in rows if row[0]] + [("", "")] * SPARE_ROWS
    return {
        "settings": found,
        "tenants": sorted({*tenants, found.tenant}),
        "sheet": sheet,
        "rows": rows,
        "choices": choices,
        "formats": choices.formats(parts.default_format),
        "foreseen": None,
        "done": "",
    }


def _sheet(found: TenantSettings) -> Sheet:
    options = found.options
    codes = sorted(options.codes.items(), key=lambda one: (str(one[1]), one[0]))
    return Sheet.of(
        rule_form.shown(found)
        | {name: value for name, value in options.as_mapping().items() if name not in ("codes", "new_user")}
        | {f"new_{name}": getattr(options.new_user, name) for name in ("audio", "video", "mode")}
        | {"code": [code for code, _ in codes], "operation": [str(what) for _, what in codes]}
    )


def _options(sheet: Sheet, stored: TenantOptions) -> TenantOptions:
    """The options as they were sent; where something is wrong, the stored ones and faults."""
    given = {
        "codes": _codes(sheet),
        "pause_style": sheet.choice("pause_style", PauseStyle, stored.pause_style),
        "alone": sheet.choice("alone", Alone, stored.alone),
        "gap_style": sheet.choice("gap_style", GapStyle, stored.gap_style),
        "longest_pause_s": sheet.whole("longest_pause_s", 86_400),
        "pause_tone": sheet.ticked("pause_tone"),
        "beep_every_s": sheet.whole("beep_every_s", 3600),
        "announcement": sheet.one("announcement"),
        "announce_to": sheet.choice("announce_to", Hears, stored.announce_to),
        "sounds_in_recording": sheet.ticked("sounds_in_recording"),
        "channels": sheet.choice("channels", Channels, stored.channels),
        "trash_days": sheet.whole("trash_days", 365) if sheet.one("trash_days") else stored.trash_days,
        "format": sheet.choice("format", FormatChoice, stored.format),
        "keep_original": sheet.ticked("keep_original"),
        "second_factor": _kept(sheet, "second_factor", SecondFactorFor, stored.second_factor),
        "share_links": _kept(sheet, "share_links", ShareLinks, stored.share_links),
        "message_answers": sheet.choice("message_answers", Answers, stored.message_answers),
        "transcripts": sheet.choice("transcripts", Transcripts, stored.transcripts),
        "redact_digits": sheet.choice("redact_digits", Redaction, stored.redact_digits),
        "new_user": {
            "audio": sheet.choice("new_audio", Setting, stored.new_user.audio),
            "video": sheet.choice("new_video", Setting, stored.new_user.video),
            "mode": sheet.choice("new_mode", Mode, stored.new_user.mode),
        },
    }
    if number := sheet.one("recorder_file_format"):
        given["recorder_file_format"] = number  # who sends the reference product's name means that
        del given["format"]
        sheet.faults.pop("format", None)
    if any(name.startswith("code") for name in sheet.faults):
        del given["codes"]
    try:
        return with_options(stored, given)
    except OptionFaults as error:
        for name, text in error.faults.items():
            field = "format" if name == "recorder_file_format" else name
            sheet.faults.setdefault(field, _beside(name, text))
        return stored


def _kept(sheet: Sheet, name: str, kind: type[E], stored: E) -> E:
    """What protects is changed only by a form that says so."""
    return sheet.choice(name, kind, stored) if name in sheet.values else stored


def _beside(name: str, text: str) -> str:
    """A fault beside its field, which need not be named again: ``0 (no beep) or 5 to 3600 seconds.``"""
    plain = text.removeprefix(name).removeprefix(":").lstrip().removeprefix("is ")
    return f"{plain[:1].upper()}{plain[1:]}."


def _codes(sheet: Sheet) -> dict[str, str]:
    """code → operation. A fault is named at its row, ``code-0`` being the first."""
    found: dict[str, str] = {}
    sent = zip_longest(sheet.many("code"), sheet.many("operation"), fillvalue="")
    for n, (code, operation) in enumerate((c, o) for c, o in sent if c):
        fault = _code_fault(found, code, operation)
        if fault:
            sheet.faults[f"code-{n}"] = fault
        else:
            found[code] = operation
    return found


def _code_fault(before: dict[str, str], code: str, operation: str) -> str:
    if operation not in OPERATIONS:
        return "Choose what it does."
    if code in before:
        return f"{code} is in the list twice."
    for other in ("", *before):
        pair = {code: OPERATIONS[operation]}
        if other:
            pair[other] = OPERATIONS[before[other]]
        try:
            validated(pair)
        except InvalidPolicy as error:
            text = str(error)
            return f"{text[:1].upper()}{text[1:]}."
    return ""
