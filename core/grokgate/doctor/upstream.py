"""What is to be said of an upstream from its own description of the settings."""

from collections.abc import Iterator, Mapping
from typing import Any

from grokgate.doctor.finding import Finding, Level
from grokgate.doctor.reach import bare

_FINGERPRINTS = ("impersonate", "impersonate_usage")
_ADDRESSES = ("web_base", "assets_base")


def look_at_upstream(upstream: str, described: Mapping[str, Any]) -> Iterator[Finding]:
    """Judge what `UpstreamSpec.describe` returned; keys an upstream does not have are passed over.

    Args:
        upstream: Its id.
        described: Holds no secret.
    """
    if "profile" in described:
        yield _found(upstream, "profile", name=described["profile"])
    addresses = [bare(described[key]) for key in _ADDRESSES if described.get(key)]
    if addresses:
        yield _found(upstream, "addresses", addresses=", ".join(addresses))
    routes = ", ".join(described.get("routes", ()))
    if described.get("proxies"):
        yield _found(upstream, "proxies", routes=routes)
    elif routes:
        yield _found(upstream, "direct", routes=routes)
    for key in _FINGERPRINTS:
        if key in described:
            yield _fingerprint(upstream, key, described[key])
    if "clearance" in described:
        yield _found(upstream, "clearance" if described["clearance"] else "clearance_none")
    if "statsig" in described:
        yield _found(upstream, "statsig", mode=described["statsig"])
    for warning in described.get("warnings", ()):
        yield _found(upstream, "upstream_warning", level="note", warning=warning)


def _fingerprint(upstream: str, key: str, shown: Mapping[str, Any]) -> Finding:
    code = "fingerprint" if shown["exact"] else "fingerprint_other"
    level: Level = "ok" if shown["exact"] else "note"
    wanted = str(shown.get("wanted", ""))
    return _found(upstream, code, level=level, key=key, wanted=wanted, target=shown["target"])


def _found(upstream: str, code: str, *, level: Level = "ok", **values: str) -> Finding:
    return Finding(area="upstream", subject=upstream, code=code, level=level, values=values)
