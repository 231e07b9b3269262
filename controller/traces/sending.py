"""Traces switched on for a process, and tried out by `tapeline doctor`."""

from __future__ import annotations

import importlib.util
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Literal

from .. import __version__
from ..config import Config, ConfigError
from ..engine import tracing

#: The last spans of a process that ends may take so long: they are worth no more.
FLUSH_S = 2.0
#: The API alone is there for other packages' sake.
_NEEDED = ("opentelemetry.sdk", "opentelemetry.exporter")


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def missing() -> bool:
    """Whether the extra is not installed."""
    return not all(map(_installed, _NEEDED))


@contextmanager
def traced(config: Config, part: Literal["controller", "worker"]) -> Iterator[None]:
    """What this process does meanwhile is traced, if the configuration wants it; to be begun before there is
    an event loop, which is not to wait for the last spans. Raises ConfigError."""
    traces = config.traces
    if not traces.endpoint:
        yield
        return
    if missing():
        raise ConfigError(
            "traces.endpoint is set, and OpenTelemetry is not installed: "
            "install it into the controller's environment: pip install 'tapeline[traces]'"
        )
    # Late: a process without traces is to stay small.
    from .collector import Collector
    from .otlp import OtlpTracer, pack
    from .outbox import Outbox

    outbox = Outbox(pack, Collector(traces.endpoint, traces.headers()).post)
    about = {
        "service.name": "tapeline",
        "service.version": __version__,
        "service.instance.id": f"{config.node.name or socket.gethostname()}-{os.getpid()}",
        "tapeline.part": part,
    }
    believed = [ip_network(text) for text in traces.continue_from]
    try:
        with tracing.installed(OtlpTracer(outbox, about, traces.share, believed)):
            yield
    finally:
        outbox.close(FLUSH_S)


def try_out(config: Config) -> None:
    """An export of nothing, as the collector must take it. Raises ConfigError, Away, Refused."""
    from .collector import Collector
    from .otlp import pack

    Collector(config.traces.endpoint, config.traces.headers()).post(pack([]))
