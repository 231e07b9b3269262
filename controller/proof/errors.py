"""What can go wrong with proof, in people's words."""

from __future__ import annotations

from ..core.errors import TapelineError


class ProofError(TapelineError):
    """Something about keys, chains or bundles cannot be done; the text says why and what to do."""


class KeyProblem(ProofError):
    """The signing key cannot be read, made or used."""


class NotCanonical(ProofError):
    """Text that is not the one canonical form of a JSON value that we write."""
