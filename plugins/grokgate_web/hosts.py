"""Where files may be fetched from (`upstream-protocol.md` 0.3, S20).

An upstream names files by their path below the address of files, or by a whole address. Whatever it
says, nothing is fetched from hosts that neither the profile nor the operator names.
"""

from urllib.parse import unquote, urljoin, urlsplit

from msgspec import Struct

from grokgate_web.profile import Hosts
from grokgate_web.settings import WebSettings

_MAX_ADDRESS = 4096


class Place(Struct, frozen=True):
    """A file's address that may be fetched."""

    url: str
    owned: bool
    """The account's cookies go there."""


class TrustedHosts(Struct, frozen=True, kw_only=True):
    """What an address may begin with."""

    base: str
    """Files named by their path lie here; no slash at the end."""
    owned: frozenset[str]
    """Scheme, host and port."""
    public: frozenset[str]

    @classmethod
    def of(cls, settings: WebSettings, hosts: Hosts) -> "TrustedHosts":
        """Take the operator's addresses in, which stand for those of the profile."""
        base = (settings.assets_base or hosts.assets_base).rstrip("/")
        public = settings.public_media_base or hosts.public_media_base
        return cls(
            base=base,
            owned=hosts.owned | {_origin(base)},
            public=hosts.public | {_origin(public)},
        )

    def place(self, ref: str, *, seen_at: str | None = None) -> Place | None:
        """Return where *ref* leads; None: to nowhere that is trusted.

        Args:
            ref: A path, or a whole address.
            seen_at: Address of the redirect that named it; None: paths count from `base`.
        """
        if not ref or len(ref) > _MAX_ADDRESS or not _plain(ref):
            return None
        try:
            url = urljoin(seen_at, ref) if seen_at else _below(self.base, ref)
            origin, path = _origin(url), unquote(urlsplit(url).path)
        except ValueError:
            return None
        if ".." in path.replace("\\", "/").split("/"):
            return None
        if origin in self.owned:
            return Place(url, owned=True)
        return Place(url, owned=False) if origin in self.public else None


def _plain(text: str) -> bool:
    return "\\" not in text and all("!" <= char <= "~" for char in text)


def _below(base: str, ref: str) -> str:
    return ref if "://" in ref.partition("?")[0] else f"{base}/{ref.lstrip('/')}"


def _origin(url: str) -> str:
    """Return everything before the path as it is written, so that a user in it fits no host."""
    scheme, _, rest = url.partition("://")
    for mark in "/?#":
        rest = rest.partition(mark)[0]
    return f"{scheme}://{rest}".lower()
