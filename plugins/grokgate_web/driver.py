"""The web driver at work: sessions on accounts, and surveys of what they have left."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from grokgate.upstream import (
    Account,
    AccountFacts,
    Attempt,
    Kind,
    Observation,
    Stage,
    UpstreamContext,
    UpstreamFailure,
    UpstreamSession,
    Window,
    Wire,
)
from grokgate_web.caller import Caller, Post, Toolbox
from grokgate_web.egress import EgressTable
from grokgate_web.identity import Identity, identify
from grokgate_web.parallel import in_parallel
from grokgate_web.payload import quota_body
from grokgate_web.session import WebSession
from grokgate_web.settings import WebSettings
from grokgate_web.transport import Transport, targets
from grokgate_web.usage import infer_tier, parse_window

_SURVEY = "survey"
_SURVEY_S = 30.0
_SURVEYS_AT_ONCE = 5
_UNKNOWN_WINDOW = (400, 404)


@asynccontextmanager
async def open_driver(context: UpstreamContext[WebSettings]) -> AsyncIterator["WebDriver"]:
    """Open the driver; its connections are closed when the context is left."""
    with TemporaryDirectory(prefix="grokgate-web-") as folder:
        transport = Transport(Path(folder))
        tools = Toolbox(
            transport=transport,
            egress=EgressTable(),
            rng=random.SystemRandom(),
            clock=context.clock,
            log=context.log,
        )
        try:
            yield WebDriver(context.settings, tools)
        finally:
            await transport.aclose()


class WebDriver:
    """Speaks to the upstream's site as its web page does."""

    def __init__(self, settings: Callable[[], WebSettings], tools: Toolbox) -> None:
        self._settings = settings
        self._tools = tools
        self._targets = targets()
        self._identity: Identity | None = None

    @asynccontextmanager
    async def session(
        self, account: Account, wire: Wire | None, attempt: Attempt, /
    ) -> AsyncIterator[UpstreamSession]:
        """Act as *account*; there is nothing to close."""
        identity = self._identity_now()
        caller = Caller(account, identity, identity.main, self._tools)
        yield WebSession(account, wire, attempt, identity=identity, caller=caller)

    async def survey(
        self, account: Account, attempt: Attempt, /, *, buckets: frozenset[str]
    ) -> AccountFacts:
        """Ask for each of *buckets* the active profile has a name for.

        Raises:
            UpstreamFailure: One of the questions failed otherwise than for want of the window.
        """
        identity = self._identity_now()
        caller = Caller(account, identity, identity.usage, self._tools)
        quota = identity.profile.quota
        asked = [(bucket, name) for bucket, name in quota.names.items() if bucket in buckets]
        answers = await in_parallel(
            [partial(_window, caller, identity, name) for _, name in asked],
            limit=_SURVEYS_AT_ONCE,
        )
        windows = {
            bucket: window
            for (bucket, _), window in zip(asked, answers, strict=True)
            if window is not None
        }
        return AccountFacts(windows=windows, tier=infer_tier(windows, quota))

    def _identity_now(self) -> Identity:
        """Return what the settings come to, worked out anew only when they changed."""
        settings = self._settings()
        if self._identity is None or self._identity.settings is not settings:
            self._identity = identify(settings, self._targets)
            for warning in self._identity.warnings:
                self._tools.log.warning("identity_odd", reason=warning)
        return self._identity


async def _window(caller: Caller, identity: Identity, name: str) -> Window | None:
    """Ask for one window; None: this account has no such window."""
    quota = identity.profile.quota
    post = Post(
        operation=_SURVEY,
        path=quota.path,
        referer=quota.referer,
        body=quota_body(quota.body, name),
        first_s=_SURVEY_S,
    )
    try:
        return parse_window(await caller.fetch(post), quota)
    except UpstreamFailure as failure:
        observation = failure.observation
        if observation.kind is Kind.BAD_REQUEST and observation.status in _UNKNOWN_WINDOW:
            return None
        raise
    except ValueError as error:
        raise UpstreamFailure(
            Observation(operation=_SURVEY, kind=Kind.MALFORMED, stage=Stage.SENT)
        ) from error
