"""Traces switched on for a process, and tried out by `tapeline doctor`."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import TYPE_CHECKING, Literal

import structlog

from .. import __version__
from ..config import Config
from ..core.errors import TapelineError
from ..engine import tracing

if TYPE_CHECKING:
    from .collector import Collector
    from .otlp import OtlpTracer
    from .outbox import Outbox

log = structlog.get_logger(__name__)

#: The last spans of a process that ends may take so long: they are worth no more.
FLUSH_S = 2.0


class NoTracer(TapelineError):
    """There is no OpenTelemetry to be had here. ``mend``: what to do."""

    def __init__(self, why: str, mend: str) -> None:
        super().__init__(why)
        self.mend = mend


@contextmanager
def traced(config: Config, part: Literal["controller", "worker"]) -> Iterator[str]:
    """What this process does meanwhile is traced, if the configuration wants it; to be begun before there is
    an event loop, which is not to wait for the last spans. Yields why it is not although it is wanted, or "":
    nothing that is wrong with traces may keep anybody from pausing a recording."""
    if not config.traces.endpoint:
        yield ""
        return
    try:
        tracer, outbox = _made(config, part)
    except Exception as error:
        known = isinstance(error, TapelineError)
        why = (str(error) if known else f"{type(error).__name__}: {error}")[:300]
        mend = error.mend if isinstance(error, NoTracer) else "tapeline doctor tries it; then restart"
        log.error("traces.off", why=why, mend=mend)
        yield why
        return
    try:
        with tracing.installed(tracer):
            yield ""
    finally:
        outbox.close(FLUSH_S)


def _made(config: Config, part: str) -> tuple[OtlpTracer, Outbox[object]]:
    """Raises NoTracer, ConfigError, and whatever else can be wrong with other people's packages."""
    collector, pack = _sender(config)
    from .otlp import OtlpTracer
    from .outbox import Outbox

    about = {
        "service.name": "tapeline",
        "service.version": __version__,
        "service.instance.id": f"{config.node.name or socket.gethostname()}-{os.getpid()}",
        "tapeline.part": part,
    }
    believed = [ip_network(text) for text in config.traces.continue_from]
    outbox = Outbox(pack, collector.post)
    try:
        return OtlpTracer(outbox, about, config.traces.share, believed), outbox
    except Exception:
        outbox.close(0)
        raise


def try_out(config: Config) -> None:
    """An export of nothing, as the collector must take it. Raises NoTracer, ConfigError, Away, NotTaken."""
    collector, pack = _sender(config)
    collector.post(pack([]))


def _sender(config: Config) -> tuple[Collector, Callable[..., bytes]]:
    # Late: a process without traces is to stay small.
    from .collector import Collector

    try:
        from .otlp import pack
    except ModuleNotFoundError as error:
        raise NoTracer(
            "OpenTelemetry is not installed",
            "install it into the controller's environment: pip install 'tapeline[traces]'",
        ) from error
    except Exception as error:
        raise NoTracer(
            f"OpenTelemetry cannot be loaded: {error}",
            "correct what it names (it reads variables of its own, OTEL_*), or install it anew",
        ) from error
    return Collector(config.traces.endpoint, config.traces.headers()), pack
