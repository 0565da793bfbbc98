"""Who the driver appears to be under one snapshot of the settings."""

from collections.abc import Iterable, Mapping
from importlib.resources.abc import Traversable
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from grokgate_web.fingerprint import Fingerprint, aliases, client_hints, resolve
from grokgate_web.headers import Headers, pasted_cookies, statsig_warning
from grokgate_web.profile import Profile
from grokgate_web.profile_files import load_profile, profile_name
from grokgate_web.settings import WebSettings


class Guise(Struct, frozen=True, kw_only=True):
    """How calls of one sort look."""

    fingerprint: Fingerprint
    sets: Mapping[str, Headers]
    """By the profile's name for a header set."""

    @property
    def headers(self) -> Headers:
        """The set of calls that send JSON."""
        return self.sets["json"]


class Identity(Struct, frozen=True, kw_only=True):
    """Everything that follows from the settings, worked out once per change of them."""

    settings: WebSettings
    profile: Profile
    main: Guise
    usage: Guise
    """For quota calls."""
    nsfw: Guise
    """For calls about the account's content preference."""
    web_base: str
    cookies: str
    """Those the operator pasted, as header text."""
    warnings: tuple[str, ...] = ()


def identify(
    settings: WebSettings,
    targets: Iterable[str],
    *,
    profile: Profile | None = None,
    own: Traversable | None = None,
) -> Identity:
    """Work out profile, fingerprints and addresses.

    Args:
        settings: The section now.
        targets: Fingerprints the installed library offers.
        profile: Spoken instead of the one the settings name.
        own: Folder of the operator's profiles.

    Raises:
        ValueError: There is no such profile.
    """
    known = tuple(targets)
    profile = profile or load_profile(profile_name(settings.protocol, own), own=own)
    main = resolve(settings.impersonate, known, user_agent=settings.user_agent)
    usage, nsfw = (
        resolve(wanted or settings.impersonate, known, user_agent=settings.user_agent)
        for wanted in (settings.impersonate_usage, settings.impersonate_nsfw)
    )
    told = (*main.warnings, *usage.warnings, *nsfw.warnings)
    odd = statsig_warning(settings.statsig)
    web_base = (settings.web_base or profile.hosts.web_base).rstrip("/")
    return Identity(
        settings=settings,
        profile=profile,
        main=_guise(main, profile, web_base),
        usage=_guise(usage, profile, web_base),
        nsfw=_guise(nsfw, profile, web_base),
        web_base=web_base,
        cookies=pasted_cookies(cf_clearance=settings.cf_clearance, cf_cookies=settings.cf_cookies),
        warnings=tuple(dict.fromkeys((*told, *((odd,) if odd else ())))),
    )


def describe(
    settings: WebSettings, targets: Iterable[str], *, own: Traversable | None = None
) -> Mapping[str, Any]:
    """Tell an operator what the settings come to; never shows a secret (F-CFG-134)."""
    known = tuple(targets)
    identity = identify(settings, known, own=own)
    proxies = settings.proxy_pool or ((settings.base_proxy_url,) if settings.base_proxy_url else ())
    usage = settings.impersonate_usage or settings.impersonate
    return {
        "profile": identity.profile.name,
        "web_base": identity.web_base,
        "assets_base": settings.assets_base or identity.profile.hosts.assets_base,
        "routes": [_bare(proxy) for proxy in proxies] or [_bare(identity.web_base)],
        "clearance": bool(identity.cookies),
        "statsig": _statsig_mode(settings.statsig.strip() or identity.profile.statsig.mode),
        "impersonate": _shown(settings.impersonate, identity.main.fingerprint),
        "impersonate_usage": _shown(usage, identity.usage.fingerprint),
        "impersonate_nsfw": _shown(
            settings.impersonate_nsfw or settings.impersonate, identity.nsfw.fingerprint
        ),
        "targets": list(known),
        "aliases": aliases(known),
        "proxies": len(proxies),
        "asset_proxies": len(settings.asset_proxy_pool) or int(bool(settings.asset_proxy_url)),
        "warnings": list(identity.warnings),
    }


def _guise(fingerprint: Fingerprint, profile: Profile, web_base: str) -> Guise:
    derived = profile.browser.client_hints != "off"
    constants = {
        "ua": fingerprint.user_agent,
        "origin": _origin(web_base),
        **(client_hints(fingerprint.user_agent) if derived else {}),
    }
    sets = {name: Headers.of(template, constants) for name, template in profile.headers.items()}
    return Guise(fingerprint=fingerprint, sets=sets)


def _origin(base: str) -> str:
    scheme, _, rest = base.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _bare(address: str) -> str:
    """Return scheme, host and port of an address, which may hold a password."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _statsig_mode(mode: str) -> str:
    """Name the mode in force; the operator's own value is secret."""
    return mode if mode in ("off", "legacy", "static") else "pasted"


def _shown(wanted: str, fingerprint: Fingerprint) -> Mapping[str, Any]:
    return {
        "wanted": wanted,
        "target": fingerprint.target,
        "exact": fingerprint.exact,
        "user_agent": fingerprint.user_agent,
    }
