"""Who the driver appears to be under one snapshot of the settings."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from grokgate_web.fingerprint import Fingerprint, client_hints, resolve
from grokgate_web.headers import statsig_warning
from grokgate_web.profile import Profile, load_profile, profile_name
from grokgate_web.settings import WebSettings


class Identity(Struct, frozen=True, kw_only=True):
    """Everything that follows from the settings, worked out once per change of them."""

    settings: WebSettings
    profile: Profile
    main: Fingerprint
    usage: Fingerprint
    """For quota calls."""
    web_base: str
    warnings: tuple[str, ...] = ()

    def hints(self, fingerprint: Fingerprint) -> dict[str, str]:
        """Return values of the client hint headers; empty when the profile sends none."""
        if self.profile.browser.client_hints == "off":
            return {}
        return client_hints(fingerprint.user_agent)


def identify(settings: WebSettings, targets: Iterable[str]) -> Identity:
    """Work out profile, fingerprints and addresses.

    Args:
        settings: The section now.
        targets: Fingerprints the installed library offers.

    Raises:
        ValueError: There is no such profile.
    """
    known = tuple(targets)
    profile = load_profile(profile_name(settings.protocol))
    main = resolve(settings.impersonate, known, user_agent=settings.user_agent)
    wanted = settings.impersonate_usage or settings.impersonate
    usage = resolve(wanted, known, user_agent=settings.user_agent)
    odd = statsig_warning(settings.statsig)
    return Identity(
        settings=settings,
        profile=profile,
        main=main,
        usage=usage,
        web_base=(settings.web_base or profile.hosts.web_base).rstrip("/"),
        warnings=tuple(dict.fromkeys((*main.warnings, *usage.warnings, *((odd,) if odd else ())))),
    )


def describe(settings: WebSettings, targets: Iterable[str]) -> Mapping[str, Any]:
    """Tell an operator what the settings come to; never shows a secret (F-CFG-134)."""
    known = tuple(targets)
    identity = identify(settings, known)
    return {
        "profile": identity.profile.name,
        "web_base": identity.web_base,
        "assets_base": settings.assets_base or identity.profile.hosts.assets_base,
        "impersonate": _shown(identity.main),
        "impersonate_usage": _shown(identity.usage),
        "targets": list(known),
        "proxies": len(settings.proxy_pool) or int(bool(settings.base_proxy_url)),
        "warnings": list(identity.warnings),
    }


def _shown(fingerprint: Fingerprint) -> Mapping[str, Any]:
    return {
        "target": fingerprint.target,
        "exact": fingerprint.exact,
        "user_agent": fingerprint.user_agent,
    }
