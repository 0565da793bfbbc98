"""Names of browser fingerprints and what they mean with the installed library (F-CFG-130 to 133).

Pure: the list of targets the library knows is an argument.
"""

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

FALLBACK = "chrome136"

HISTORIC: Mapping[str, tuple[str, ...]] = {
    "chrome": (
        *("100", "101", "104", "105", "106", "107", "108", "109", "110", "114", "116", "117"),
        *("118", "119", "120", "123", "124", "126", "127", "128", "129", "130", "131", "132"),
        *("133", "134", "135", "136", "137", "138", "139", "140", "141", "142", "143"),
    ),
    "edge": (
        *("101", "122", "127", "131", "134", "135", "136", "137", "138", "139", "140", "141"),
        "142",
    ),
    "firefox": (
        *("109", "117", "128", "133", "135", "136", "139", "142", "143", "144", "145", "146"),
    ),
    "safari": ("15.3", "15.5", "16", "16.5", "17.0", "17.2.1", "17.4.1"),
}
"""Versions that earlier gateways knew by name (F-CFG-132)."""

_NAME = re.compile(
    r"(?P<family>chrome|edge|firefox|safari|tor)(?P<early>android|ios|ipad)?"
    r"(?P<version>\d*)[a-z]?(?P<late>android|ios|ipad)?"
)
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_BLINK = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.0.0"
_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{version}"
_USER_AGENTS: Mapping[tuple[str, str], str] = {
    ("chrome", ""): f"{_MAC} {_BLINK} Safari/537.36",
    ("chrome", "android"): f"Mozilla/5.0 (Linux; Android 10; K) {_BLINK} Mobile Safari/537.36",
    ("edge", ""): (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_BLINK} Safari/537.36 Edg/{{major}}.0.0.0"
    ),
    ("firefox", ""): (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:{major}.0) "
        "Gecko/20100101 Firefox/{major}.0"
    ),
    ("safari", ""): f"{_MAC} {_WEBKIT} Safari/605.1.15",
    ("safari", "ios"): (
        "Mozilla/5.0 (iPhone; CPU iPhone OS {underscored} like Mac OS X) "
        f"{_WEBKIT} Mobile/15E148 Safari/604.1"
    ),
    # Tor Browser 14.5 shows the long-term Firefox it is built from.
    ("tor", ""): "Mozilla/5.0 (Windows NT 10.0; rv:128.0) Gecko/20100101 Firefox/128.0",
}
_GREASE_CHARS = " (:-./);=?_"
_GREASE_VERSIONS = ("8", "99", "24")
_BRAND_ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


class Fingerprint(Struct, frozen=True, kw_only=True):
    """A resolved setting: what the library is asked for, and what the headers say."""

    target: str
    user_agent: str
    exact: bool
    """False: the wanted version is not there, another one stands in."""
    warnings: tuple[str, ...] = ()


class _Browser(Struct, frozen=True, kw_only=True):
    family: str
    device: str
    version: tuple[int, ...]
    target: str = ""


def resolve(wanted: str, targets: Iterable[str], *, user_agent: str = "") -> Fingerprint:
    """Find the target of the library that *wanted* means, in the five steps of F-CFG-131.

    Args:
        wanted: The setting, in any spelling.
        targets: What the installed library offers.
        user_agent: The operator's own user agent; empty: the target's.
    """
    parsed = (_parse(target, target) for target in targets)
    known = [item for item in parsed if item is not None and item.version]
    browser = _parse(wanted)
    chosen, shown_as, exact = _choose(browser, known)
    own = _user_agent(shown_as, chosen)
    warnings = []
    if not exact:
        warnings.append(f"fingerprint {wanted!r} is not available; {chosen.target} stands in")
    if user_agent and _major(user_agent) not in (None, _major(own)):
        warnings.append(f"the user agent's version contradicts the fingerprint {chosen.target}")
    return Fingerprint(
        target=chosen.target,
        user_agent=user_agent or own,
        exact=exact,
        warnings=tuple(warnings),
    )


def aliases(targets: Iterable[str]) -> dict[str, str]:
    """Map the names of `HISTORIC` that are no targets to the targets that stand for them."""
    known = tuple(targets)
    names = (f"{family}{version}" for family, found in HISTORIC.items() for version in found)
    return {name: resolve(name, known).target for name in names if name not in known}


def client_hints(user_agent: str) -> dict[str, str]:
    """Derive the values of the ``sec-ch-ua`` headers; empty for browsers that send none.

    The brand list is permuted and salted by version as Chromium does it
    (``components/embedder_support/user_agent_utils.cc``).
    """
    found = re.search(r"Chrome/(\d+)", user_agent)
    if found is None:
        return {}
    mobile = "Android" in user_agent
    return {
        "ch_ua": _brands(int(found[1]), edge="Edg/" in user_agent),
        "ch_ua_arch": "arm" if re.search(r"aarch64|\barm", user_agent, re.IGNORECASE) else "x86",
        "ch_ua_bitness": "64",
        "ch_ua_mobile": "?1" if mobile else "?0",
        "ch_ua_platform": f'"{_platform(user_agent)}"',
    }


def _choose(wanted: _Browser | None, known: list[_Browser]) -> tuple[_Browser, str, bool]:
    """Return the target, the family its headers show, and whether it is what was asked for."""
    if wanted is None:
        return _fallback(known), "chrome", False
    same = [item for item in known if _kind(item) == _kind(wanted)]
    if wanted.family == "edge" and (not same or wanted.version > max(same, key=_age).version):
        # Newer Edge is Chromium with another name: Chrome's fingerprint, Edge's headers.
        stand_in = _Browser(family="chrome", device=wanted.device, version=wanted.version)
        chosen, _, exact = _choose(stand_in, known)
        return chosen, "edge", exact
    if not same:
        return _fallback(known), "chrome", False
    if not wanted.version:
        return max(same, key=_age), wanted.family, True
    older = [item for item in same if item.version <= wanted.version]
    chosen = max(older, key=_age) if older else min(same, key=_age)
    return chosen, wanted.family, chosen.version == wanted.version


def _fallback(known: list[_Browser]) -> _Browser:
    browser = _parse(FALLBACK, FALLBACK)
    assert browser is not None
    return next((item for item in known if item.target == FALLBACK), browser)


def _parse(name: str, target: str = "") -> _Browser | None:
    match = _NAME.fullmatch(re.sub(r"[-_.\s]", "", name.lower()))
    if match is None:
        return None
    family, digits = match["family"], match["version"]
    device = (match["early"] or match["late"] or "").replace("ipad", "ios")
    return _Browser(family=family, device=device, version=_version(family, digits), target=target)


def _version(family: str, digits: str) -> tuple[int, ...]:
    """Safari writes minor versions without dots: 153 is 15.3, 2601 is 26.0.1, 17 is 17."""
    if not digits:
        return ()
    if family != "safari":
        return (int(digits),)
    return (int(digits[:2]), *(int(digit) for digit in digits[2:]))


def _kind(browser: _Browser) -> tuple[str, str]:
    return browser.family, browser.device


def _age(browser: _Browser) -> tuple[int, ...]:
    return browser.version


def _user_agent(family: str, browser: _Browser) -> str:
    version = (*browser.version, 0)[:2] if browser.family == "safari" else browser.version
    template = _USER_AGENTS.get((family, browser.device)) or _USER_AGENTS[family, ""]
    return template.format(
        major=version[0],
        version=".".join(map(str, version)),
        underscored="_".join(map(str, version)),
    )


def _major(user_agent: str) -> str | None:
    found = re.search(r"(?:Chrome|Firefox|Version)/(\d+)", user_agent)
    return found[1] if found else None


def _platform(user_agent: str) -> str:
    for mark, platform in (("Android", "Android"), ("Windows", "Windows"), ("Mac OS", "macOS")):
        if mark in user_agent:
            return platform
    return "Linux"


def _brands(major: int, *, edge: bool) -> str:
    first, second = _GREASE_CHARS[major % 11], _GREASE_CHARS[(major + 1) % 11]
    brands = (
        (f"Not{first}A{second}Brand", _GREASE_VERSIONS[major % 3]),
        ("Chromium", str(major)),
        ("Microsoft Edge" if edge else "Google Chrome", str(major)),
    )
    order = _BRAND_ORDERS[major % 6]
    placed = {order[index]: brand for index, brand in enumerate(brands)}
    return ", ".join(f'"{name}";v="{version}"' for _, (name, version) in sorted(placed.items()))
