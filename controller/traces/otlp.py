"""Spans by OpenTelemetry: the only module that knows it, imported only where traces are wanted.

Where spans are sent, and which, is in our configuration and not in its variables (``OTEL_*``). Of its SDK the
spans, the sampling and the packing are used; its own sender may take half a minute to end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from types import TracebackType
from typing import Unpack

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ..engine.tracing import Attributes, Kind, Place, Span
from .outbox import Outbox

_KINDS = {
    "server": trace.SpanKind.SERVER,
    "internal": trace.SpanKind.INTERNAL,
    "client": trace.SpanKind.CLIENT,
}
#: The names of OpenTelemetry's semantic conventions; all others are ours.
_NAMES = {"method": "http.request.method", "route": "http.route", "status": "http.response.status_code"}
_MOST_ATTRIBUTES = 32
_LONGEST = 200
_ROOT = context.Context()
#: Every one is named: what is not is read from a variable.
_LIMITS = SpanLimits(
    max_attributes=_MOST_ATTRIBUTES,
    max_events=0,
    max_links=0,
    max_span_attributes=_MOST_ATTRIBUTES,
    max_event_attributes=0,
    max_link_attributes=0,
    max_attribute_length=_LONGEST,
    max_span_attribute_length=_LONGEST,
)


def pack(spans: Sequence[ReadableSpan]) -> bytes:
    """An ExportTraceServiceRequest."""
    packed: bytes = encode_spans(spans).SerializeToString()
    return packed


class _Ended(SpanProcessor):
    def __init__(self, outbox: Outbox[ReadableSpan]) -> None:
        self._outbox = outbox

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self._outbox.put(span)


class OtlpTracer:
    """engine.tracing.Tracer. ``share``: of the traces that begin here. ``believed``: whose go on here."""

    def __init__(
        self,
        outbox: Outbox[ReadableSpan],
        about: Mapping[str, str],
        share: float,
        believed: Sequence[IPv4Network | IPv6Network] = (),
    ) -> None:
        provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(share)),
            resource=Resource(dict(about)),
            shutdown_on_exit=False,
            span_limits=_LIMITS,
        )
        provider.add_span_processor(_Ended(outbox))
        self._tracer = provider.get_tracer("tapeline")
        self._believed = tuple(believed)
        self._headers = TraceContextTextMapPropagator()

    def span(self, name: str, kind: Kind, within: Place | None, attributes: Attributes) -> OtlpSpan:
        # A request begins where nobody says otherwise, whatever task serves it: the next one of a connection
        # may be begun by the task of the one before.
        elsewhere = _ROOT if kind == "server" else None
        parent = within if isinstance(within, context.Context) else elsewhere
        span = self._tracer.start_span(name, parent, _KINDS[kind], _named(attributes))
        return OtlpSpan(span)

    def here(self) -> Place:
        return context.get_current()

    @contextmanager
    def under(self, place: Place) -> Iterator[None]:
        token = context.attach(place if isinstance(place, context.Context) else _ROOT)
        try:
            yield
        finally:
            context.detach(token)

    def outgoing(self) -> Mapping[str, str]:
        headers: dict[str, str] = {}
        self._headers.inject(headers)
        # The other one, tracestate, is other people's data.
        return {name: value for name, value in headers.items() if name == "traceparent"}

    def incoming(self, address: str, traceparent: str) -> Place | None:
        try:
            here = ip_address(address)
        except ValueError:
            return None
        if isinstance(here, IPv6Address):
            here = here.ipv4_mapped or here  # a socket that listens for both says so of the older one
        if not any(here in network for network in self._believed):
            return None
        return self._headers.extract({"traceparent": traceparent}, _ROOT)


class OtlpSpan:
    """engine.tracing.Span, to be entered once. What ends early (an event stream's) takes no more."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def __enter__(self) -> Span:
        self._token = context.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        context.detach(self._token)
        if kind is not None:
            self.fail(kind.__name__)
        self.end()

    def rename(self, name: str) -> None:
        if self._span.is_recording():
            self._span.update_name(name)

    def note(self, **attributes: Unpack[Attributes]) -> None:
        if self._span.is_recording():
            self._span.set_attributes(_named(attributes))

    def fail(self, kind: str) -> None:
        if self._span.is_recording():
            self._span.set_attribute("error.type", kind)
            self._span.set_status(trace.StatusCode.ERROR)

    def end(self) -> None:
        if self._span.is_recording():  # one that has ended says no
            self._span.end()


def _named(attributes: Attributes) -> dict[str, str | int]:
    """Without what is not known: "" of a name, 0 of a status."""
    found: dict[str, str | int] = {}
    for name, value in attributes.items():
        if isinstance(value, str | int) and value != "" and not (name == "status" and value == 0):
            found[_NAMES.get(name, f"tapeline.{name}")] = value
    return found
