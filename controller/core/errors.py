"""What the core refuses. Each error's text says what was wrong and, where it can, what to do."""

from __future__ import annotations


class TapelineError(Exception):
    """The root of every error of ours."""


class InvalidPolicy(TapelineError, ValueError):
    """A rule or an option that cannot be meant; the text says which and what would do."""


class InvalidFeatureCode(InvalidPolicy):
    """Codes that are none, or that cannot be told apart while they are being dialled."""


class InvalidMediaControl(TapelineError, ValueError):
    """A MESSAGE body or bus event that is no media-control request."""


class IllegalTransition(TapelineError):
    """A state machine was asked for what its table does not hold; nothing was changed."""
