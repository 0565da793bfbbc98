"""Who the driver appears to be under one snapshot of the settings."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from grokgate_web.fingerprint import Fingerprint, client_hints, resolve
from grokgate_web.headers import Headers, pasted_cookies, statsig_warning
from grokgate_web.profile import Profile, load_profile, profile_name
from grokgate_web.settings import WebSettings


class Guise(Struct, frozen=True, kw_only=True):
    """How calls of one sort look."""

    fingerprint: Fingerprint
    headers: Headers


class Identity(Struct, frozen=True, kw_only=True):
    """Everything that follows from the settings, worked out once per change of them."""

    settings: WebSettings
    profile: Profile
    main: Guise
    usage: Guise
    """For quota calls."""
    web_base: str
    cookies: str
    """Those the operator pasted, as header text."""
    warnings: tuple[str, ...] = ()


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
    web_base = (settings.web_base or profile.hosts.web_base).rstrip("/")
    return Identity(
        settings=settings,
        profile=profile,
        main=_guise(main, profile, web_base),
        usage=_guise(usage, profile, web_base),
        web_base=web_base,
        cookies=pasted_cookies(cf_clearance=settings.cf_clearance, cf_cookies=settings.cf_cookies),
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
        "impersonate": _shown(identity.main.fingerprint),
        "impersonate_usage": _shown(identity.usage.fingerprint),
        "targets": list(known),
        "proxies": len(settings.proxy_pool) or int(bool(settings.base_proxy_url)),
        "warnings": list(identity.warnings),
    }


def _guise(fingerprint: Fingerprint, profile: Profile, web_base: str) -> Guise:
    derived = profile.browser.client_hints != "off"
    constants = {
        "ua": fingerprint.user_agent,
        "origin": _origin(web_base),
        **(client_hints(fingerprint.user_agent) if derived else {}),
    }
    return Guise(fingerprint=fingerprint, headers=Headers.of(profile.headers["json"], constants))


def _origin(base: str) -> str:
    scheme, _, rest = base.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _shown(fingerprint: Fingerprint) -> Mapping[str, Any]:
    return {
        "target": fingerprint.target,
        "exact": fingerprint.exact,
        "user_agent": fingerprint.user_agent,
    }
