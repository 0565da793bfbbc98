"""The web driver at work: sessions on accounts, and surveys of what they have left."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from importlib.resources.abc import Traversable
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from grokgate.upstream import (
    Account,
    AccountFacts,
    Attempt,
    UpstreamContext,
    UpstreamSession,
    Wire,
)
from grokgate_web.caller import Caller, Toolbox
from grokgate_web.egress import EgressTable
from grokgate_web.identity import Identity, identify
from grokgate_web.profile import Profile
from grokgate_web.profile_files import load_profile, profile_name
from grokgate_web.quota import Survey
from grokgate_web.session import WebSession
from grokgate_web.settings import WebSettings
from grokgate_web.transport import Transport, targets

_CLOSING_S = 5.0


@asynccontextmanager
async def open_driver(
    context: UpstreamContext[WebSettings], *, own: Traversable | None = None
) -> AsyncIterator["WebDriver"]:
    """Open the driver; its connections are closed when the context is left.

    Args:
        context: Settings, log and time.
        own: Folder of the operator's profiles.
    """
    with TemporaryDirectory(prefix="grokgate-web-") as folder:
        transport = Transport(Path(folder))
        tools = Toolbox(
            transport=transport,
            egress=EgressTable(),
            rng=random.Random(),  # noqa: S311 - ids and texts the upstream sees; nothing is secret
            clock=context.clock,
            log=context.log,
        )
        try:
            yield WebDriver(context.settings, tools, own=own)
        finally:
            with anyio.move_on_after(_CLOSING_S, shield=True):
                await transport.aclose()


class WebDriver:
    """Speaks to the upstream's site as its web page does."""

    def __init__(
        self,
        settings: Callable[[], WebSettings],
        tools: Toolbox,
        *,
        own: Traversable | None = None,
    ) -> None:
        self._settings = settings
        self._tools = tools
        self._own = own
        self._targets = targets()
        self._identity: Identity | None = None

    def session(
        self, account: Account, wire: Wire | None, attempt: Attempt, /
    ) -> AbstractAsyncContextManager[UpstreamSession]:
        """Act as *account*; there is nothing to close."""
        identity = self._identity_now()
        caller = Caller(account, identity, identity.main, self._tools, drifted=attempt.drifted)
        return nullcontext(WebSession(account, wire, attempt, identity=identity, caller=caller))

    async def survey(
        self, account: Account, attempt: Attempt, /, *, buckets: frozenset[str]
    ) -> AccountFacts:
        """Ask for each of *buckets* the active profile has a name for.

        Raises:
            UpstreamFailure: Nothing was learned.
        """
        identity = self._identity_now()
        caller = Caller(account, identity, identity.usage, self._tools, drifted=attempt.drifted)
        quota, tools = identity.profile.quota, self._tools
        return await Survey(caller, quota, clock=tools.clock, log=tools.log).ask(buckets)

    def _identity_now(self) -> Identity:
        """Return what the settings come to, worked out anew only when they changed."""
        settings = self._settings()
        if self._identity is None or self._identity.settings is not settings:
            profile = self._profile(settings.protocol)
            self._identity = identify(settings, self._targets, profile=profile)
            for warning in self._identity.warnings:
                self._tools.log.warning("identity_odd", reason=warning)
        return self._identity

    def _profile(self, setting: str) -> Profile:
        """Read the profile; one that cannot be read any more stays as it was."""
        try:
            return load_profile(profile_name(setting, self._own), own=self._own)
        except ValueError as error:
            if self._identity is None:
                raise
            self._tools.log.warning("profile_kept", reason=str(error))
            return self._identity.profile
