"""Upstream plugin: pooled web accounts, spoken to as the upstream's own page does."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from grokgate.plugin import Settings, hookimpl
from grokgate.upstream import (
    ActiveProfile,
    PoolSpec,
    ProfileFiles,
    Scalar,
    UpstreamContext,
    UpstreamDriver,
    UpstreamSpec,
)
from grokgate_web.credential import clean
from grokgate_web.profile_files import listed_names, load_profile, profile_name
from grokgate_web.settings import WebSettings

_MODES = dict.fromkeys(("auto", "fast", "expert", "grok_4_3"), -1)
_MEDIA = dict.fromkeys(("image", "image_pro", "image_edit", "video", "video_720p"), -1)
_POOLS = (
    PoolSpec(
        name="ssoBasic",
        tier="basic",
        synonyms=("ssobasic", "ssonormal", "sso", "basic", "normal", ""),
        assumed={"default": 80, "heavy": -1, **_MODES, **_MEDIA},
    ),
    PoolSpec(
        name="ssoSuper",
        tier="super",
        synonyms=("ssosuper", "super"),
        assumed={"default": 140, "heavy": -1, **_MODES, **_MEDIA},
    ),
    PoolSpec(
        name="ssoHeavy",
        tier="heavy",
        synonyms=("ssoheavy", "heavy"),
        assumed={"default": 140, "heavy": -1, **_MODES, **_MEDIA},
    ),
)


@hookimpl
def grokgate_settings() -> type[Settings]:
    """Declare the upstream half of the section ``grok``."""
    return WebSettings


@hookimpl
def grokgate_upstreams() -> Iterable[UpstreamSpec]:
    """Declare the upstream ``web``."""
    return [_spec(None)]


def _spec(own: Path | None) -> UpstreamSpec:
    """Make the declaration; *own* is the folder of the operator's profiles."""
    return UpstreamSpec(
        id="web",
        title={"en": "Grok web accounts", "zh": "Grok 网页账号"},
        pools=_POOLS,
        serves={
            "basic": ("ssoBasic", "ssoSuper", "ssoHeavy"),
            "super": ("ssoSuper", "ssoHeavy"),
            "heavy": ("ssoHeavy", "ssoSuper"),
        },
        offers=frozenset(
            ("converse", "imagine", "film", "survey", "fetch", "files", "prefer_nsfw")
        ),
        clean=clean,
        open=partial(_open, own),
        profile=partial(_profile, own),
        describe=partial(_describe, own),
        sandbox=_sandbox,
        placed=_spec,
        checks={"grok.protocol": partial(_check, own)},
        profiles=ProfileFiles(
            names=partial(listed_names, own),
            load=partial(_load, own),
            preview=partial(_preview, own),
        ),
    )


# The driver loads a native library, which only a running gateway needs: hence the late imports.


def _open(
    own: Path | None, context: UpstreamContext[Any]
) -> AbstractAsyncContextManager[UpstreamDriver]:
    from grokgate_web.driver import open_driver  # noqa: PLC0415 - see above

    return open_driver(context, own=own)


def _describe(own: Path | None, settings: WebSettings) -> Mapping[str, Any]:
    from grokgate_web.identity import describe  # noqa: PLC0415 - see above
    from grokgate_web.transport import targets  # noqa: PLC0415 - see above

    return describe(settings, targets(), own=own)


def _preview(own: Path | None, name: str, settings: WebSettings) -> Iterable[str]:
    from grokgate_web.preview import preview  # noqa: PLC0415 - see above
    from grokgate_web.transport import targets  # noqa: PLC0415 - see above

    return preview(load_profile(name, own=own), settings, targets())


def _profile(own: Path | None, settings: WebSettings) -> ActiveProfile:
    profile = load_profile(profile_name(settings.protocol, own), own=own)
    return ActiveProfile(chain=profile.chain, refused=profile.refused)


def _check(own: Path | None, setting: str) -> None:
    load_profile(profile_name(setting, own), own=own)


def _load(own: Path | None, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = msgspec.to_builtins(load_profile(name, own=own), str_keys=True)
    return found


def _sandbox(base: str) -> Mapping[str, Scalar]:
    return {
        "grok.web_base": base,
        "grok.assets_base": f"{base.rstrip('/')}/__assets",
        "grok.public_media_base": f"{base.rstrip('/')}/__public/imagine-public",
        "grok.base_proxy_url": "",
        "grok.proxy_pool": "",
        "grok.asset_proxy_url": "",
        "grok.asset_proxy_pool": "",
    }
