"""What each kind of route needs, ready for signatures: ``me: Listener`` is who asks, if they may listen.

Whoever adds a route picks the one that says what the route is for, or declares another permission of
core.roles with ``me: Annotated[Account, needs(Permission.X)]``. A route that declares none is refused.
"""

from __future__ import annotations

from typing import Annotated

from ..core.roles import Permission as P
from ..engine.reading import Account
from .access import needs

#: Anybody who is signed in, or has a token of whatever scopes: nothing but the own account.
SignedIn = Annotated[Account, needs(P.OWN_ACCOUNT)]
#: The same, but with a session: what a token may not do.
SessionMe = Annotated[Account, needs(P.OWN_ACCOUNT, session=True)]

Seer = Annotated[Account, needs(P.SEE_CALLS)]
Listener = Annotated[Account, needs(P.LISTEN)]
Downloader = Annotated[Account, needs(P.DOWNLOAD)]
Exporter = Annotated[Account, needs(P.EXPORT)]
Sharer = Annotated[Account, needs(P.SHARE)]
ShareManager = Annotated[Account, needs(P.MANAGE_SHARES)]
Annotator = Annotated[Account, needs(P.ANNOTATE)]
Watcher = Annotated[Account, needs(P.SEE_LIVE)]
LiveController = Annotated[Account, needs(P.CONTROL_LIVE)]
Holder = Annotated[Account, needs(P.HOLD)]
Deleter = Annotated[Account, needs(P.DELETE)]
Redacter = Annotated[Account, needs(P.SEE_UNREDACTED)]
Eraser = Annotated[Account, needs(P.ERASE)]
PolicyReader = Annotated[Account, needs(P.SEE_POLICY)]
PolicyChanger = Annotated[Account, needs(P.CHANGE_POLICY)]
OptionsChanger = Annotated[Account, needs(P.CHANGE_OPTIONS)]
AccountManager = Annotated[Account, needs(P.MANAGE_ACCOUNTS)]
JobManager = Annotated[Account, needs(P.MANAGE_JOBS)]
HookManager = Annotated[Account, needs(P.MANAGE_WEBHOOKS)]
Auditor = Annotated[Account, needs(P.SEE_AUDIT)]
SystemAdmin = Annotated[Account, needs(P.SYSTEM_SETTINGS)]
