"""What takes recordings away, put together from the configuration."""

from __future__ import annotations

from pathlib import Path

from .catalog.facade import SqlCatalog
from .config import Config
from .engine.ids import now
from .engine.trusted_clock import TrustedClock
from .media.erasing import Eraser, Forget
from .media.format_cache import FormatCache
from .media.retainer import Retainer
from .media.shelves import Stores
from .web.zipping import forgetting


def exports_of(config: Config) -> Path:
    """Where ZIPs of recordings lie until they are fetched."""
    return config.formats.cache.with_name("exports")


def make_format_cache(config: Config) -> FormatCache:
    return FormatCache(config.formats.cache, config.formats.cache_mb * 1_000_000)


def trusted_clock(config: Config) -> TrustedClock:
    """What deletion goes by, on this machine."""
    return TrustedClock(config.web.secret_file.with_name("clock.json"), now)


def make_eraser(config: Config, catalog: SqlCatalog, stores: Stores) -> Eraser:
    """Who keeps something of a recording outside `files` (a cache, say) has it forgotten here."""
    forget: list[Forget] = [
        stores.cache.forget, make_format_cache(config).forget, forgetting(exports_of(config)),
    ]  # fmt: skip
    spools = {s.name: s.spool for s in config.switches}
    return Eraser(catalog, stores, spools, now, forget, due=trusted_clock(config).now)


def make_retainer(config: Config, catalog: SqlCatalog, stores: Stores) -> Retainer:
    settings, clock = config.retention, trusted_clock(config)
    return Retainer(
        catalog, make_eraser(config, catalog, stores), clock.now, doubt=clock.doubt,
        every_s=settings.every_minutes * 60.0, batch=settings.batch, confirm_above=settings.confirm_above,
    )  # fmt: skip
