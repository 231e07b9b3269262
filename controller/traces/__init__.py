"""Spans of this process, sent to whoever collects them (OTLP over HTTP), if the configuration asks for it."""
