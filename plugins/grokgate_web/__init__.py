"""Upstream plugin: pooled web accounts, spoken to as the upstream's own page does."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from grokgate.plugin import Settings, hookimpl
from grokgate.upstream import (
    ActiveProfile,
    PoolSpec,
    Scalar,
    UpstreamContext,
    UpstreamDriver,
    UpstreamSpec,
)
from grokgate_web.credential import clean
from grokgate_web.profile import load_profile, profile_name
from grokgate_web.settings import WebSettings

_MODES = dict.fromkeys(("auto", "fast", "expert", "grok_4_3"), -1)
_POOLS = (
    PoolSpec(
        name="ssoBasic",
        tier="basic",
        synonyms=("ssobasic", "ssonormal", "sso", "basic", "normal", ""),
        assumed={"default": 80, "heavy": -1, **_MODES},
    ),
    PoolSpec(
        name="ssoSuper",
        tier="super",
        synonyms=("ssosuper", "super"),
        assumed={"default": 140, "heavy": -1, **_MODES},
    ),
    PoolSpec(
        name="ssoHeavy",
        tier="heavy",
        synonyms=("ssoheavy", "heavy"),
        assumed={"default": 140, "heavy": -1, **_MODES},
    ),
)


@hookimpl
def grokgate_settings() -> type[Settings]:
    """Declare the upstream half of the section ``grok``."""
    return WebSettings


@hookimpl
def grokgate_upstreams() -> Iterable[UpstreamSpec]:
    """Declare the upstream ``web``."""
    spec = UpstreamSpec(
        id="web",
        title={"en": "Grok web accounts", "zh": "Grok 网页账号"},
        pools=_POOLS,
        serves={
            "basic": ("ssoBasic", "ssoSuper", "ssoHeavy"),
            "super": ("ssoSuper", "ssoHeavy"),
            "heavy": ("ssoHeavy", "ssoSuper"),
        },
        offers=frozenset(("converse", "survey")),
        clean=clean,
        open=_open,
        profile=_profile,
        describe=_describe,
        sandbox=_sandbox,
    )
    return [spec]


# The driver loads a native library, which only a running gateway needs: hence the late imports.


def _open(context: UpstreamContext[Any]) -> AbstractAsyncContextManager[UpstreamDriver]:
    from grokgate_web.driver import open_driver  # noqa: PLC0415 - see above

    return open_driver(context)


def _describe(settings: WebSettings) -> Mapping[str, Any]:
    from grokgate_web.identity import describe  # noqa: PLC0415 - see above
    from grokgate_web.transport import targets  # noqa: PLC0415 - see above

    return describe(settings, targets())


def _profile(settings: WebSettings) -> ActiveProfile:
    profile = load_profile(profile_name(settings.protocol))
    return ActiveProfile(chain=profile.chain, refused=profile.refused)


def _sandbox(base: str) -> Mapping[str, Scalar]:
    return {
        "grok.web_base": base,
        "grok.assets_base": f"{base.rstrip('/')}/__assets",
        "grok.base_proxy_url": "",
        "grok.proxy_pool": "",
    }
