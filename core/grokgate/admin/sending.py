"""How files and pages go to browsers: with the headers that keep foreign script out (S7)."""

from collections.abc import Mapping
from typing import Any, Final

from litestar import Request, Response

from grokgate.admin.assets import Asset

_POLICY: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "media-src 'self' blob:",
    "connect-src 'self'",
    "font-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types dompurify grokgate",
)
SECURITY: Final[Mapping[str, str]] = {
    "content-security-policy": "; ".join(_POLICY),
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), usb=()",
}
"""Of all that a browser shows or runs, besides what `http.departure` gives every reply."""


def send_asset(
    request: Request[Any, Any, Any], asset: Asset, *, cache_control: str
) -> Response[bytes]:
    """Answer with a file, compressed where that is accepted; 304 where the client has it."""
    content, tag = asset.content, asset.digest
    headers = {**SECURITY, "cache-control": cache_control, "vary": "accept-encoding"}
    if asset.compressed is not None and _accepts_gzip(request.headers.get("accept-encoding", "")):
        content, tag = asset.compressed, f"{tag}-gzip"
        headers["content-encoding"] = "gzip"
    headers |= {"etag": f'"{tag}"', "content-type": asset.media_type}
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    return Response(content, headers=headers)


def _accepts_gzip(accepted: str) -> bool:
    for choice in accepted.lower().split(","):
        coding, _, weight = choice.replace(" ", "").partition(";")
        if coding == "gzip":
            return weight.rstrip("0") not in {"q=", "q=0."}
    return False
