"""What the core refuses. Each error's text says what was wrong and, where it can, what to do."""

from __future__ import annotations


class TapelineError(Exception):
    """The root of every error of ours."""


class InvalidFeatureCode(TapelineError, ValueError):
    pass


class InvalidMediaControl(TapelineError, ValueError):
    """A MESSAGE body or bus event that is no media-control request."""


class IllegalTransition(TapelineError):
    """A state machine was asked for what its table does not hold; nothing was changed."""
