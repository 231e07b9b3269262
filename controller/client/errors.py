"""What can go wrong, as exceptions that say what the server said."""

from __future__ import annotations

from collections.abc import Sequence

from .models import Fault, ProblemBody


class TapelineApiError(Exception):
    """Any failure of a call to the API."""


class Unreachable(TapelineApiError):
    """No answer came, after all tries."""


class Refused(TapelineApiError):
    """The server has answered with a problem. ``status`` is HTTP's, ``errors`` the faults of the fields."""

    def __init__(self, status: int, detail: str, errors: Sequence[Fault] = ()) -> None:
        told = "; ".join(f"{e.where}: {e.problem}" for e in errors)
        super().__init__(f"{detail} ({told})" if told else detail)
        self.status, self.detail, self.errors = status, detail, list(errors)


class NotSignedIn(Refused):
    """401: the token is missing, wrong, expired or removed."""


class Forbidden(Refused):
    """403: the account's role or the token's scopes do not allow it."""


class NotFound(Refused):
    """404: there is none, or it is not the account's to see."""


class Conflict(Refused):
    """409 and 412: not possible as things are, or changed by somebody else meanwhile."""


class Invalid(Refused):
    """422: a parameter or a member is wrong; ``errors`` names it."""


_OF = {401: NotSignedIn, 403: Forbidden, 404: NotFound, 409: Conflict, 412: Conflict, 422: Invalid}


def refusal(status: int, content: bytes) -> Refused:
    try:
        body = ProblemBody.model_validate_json(content)
        detail, errors = body.detail, body.errors or []
    except ValueError:
        # A proxy's page, say.
        detail, errors = f"The server answered {status}, and not as Tapeline does: is the URL right?", []
    return _OF.get(status, Refused)(status, detail, errors)
