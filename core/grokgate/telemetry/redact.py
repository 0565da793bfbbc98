"""Takes secrets out of everything that is written down (S15, F-GEN-14).

Last processor before a line is rendered, after exceptions became text. It knows names of fields
that hold secrets, and forms of secrets inside any text: cookies, bearer and ``sk-`` keys, signed
tokens, credentials and parameters in addresses, e-mail addresses. Texts and collections are cut
to a bounded length, so that one line stays one line of bearable size.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

MASK = "…"
TEXT_CHARS = 16_000
ITEMS = 100
DEPTH = 6
_PLAIN = frozenset({bool, int, float, type(None)})

_SECRET_NAME = re.compile(
    r"(?:.*[_-])?(?:authorization|bearer|cf_clearance|cookies?|credentials?|passwd|password|secret"
    r"|sso(?:[_-]rw)?)|.+[_-](?:key|token)",
    re.IGNORECASE,
)
"""Names of fields with secret values; a bare ``token`` or ``key`` names an account or a key."""
_SIGNS = re.compile(r"[@=:]|['\"]\s*,|[Bb]earer|BEARER|eyJ|sk-|xai-")
"""Every form has one of these; most texts have none and are passed on after one search."""
_IS = r"(?:\\*[\"']?\s*[=:]\s*|\\*[\"']\s*,\s*)\\*b?"
"""What stands between a name and its value: ``=`` or ``:``, or the comma of a quoted pair."""
_QUOTED = r"\"(?:\\.|[^\"\\\n])*|'(?:\\.|[^'\\\n])*"
"""A quoted value without its last quote, which may have been cut off."""
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Credentials of an address come first: what is masked no longer looks like an e-mail address.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}://)[^\s/?#]{1,512}@"), rf"\1{MASK}@"),
    # These hold spaces and semicolons: all up to the quote or the end of the line goes.
    (re.compile(rf"(?i)((?:cookie|authorization){_IS})(?:{_QUOTED}|[^\"'\n]+)"), rf"\1{MASK}"),
    (
        re.compile(
            r"(?i)((?:password|passwd|secret|apikey|[_-]key|[_-]token"
            rf"|\b(?:sso(?:-rw)?|cf_clearance|__cf_bm)){_IS})(?:{_QUOTED}|[^\s\"',;&}}]+)"
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"(?i)\b(bearer)[\s:=]+[a-z0-9._~+/=-]{6,}"), rf"\1 {MASK}"),
    # The length of the first part is bounded to keep the search linear; real ones have about 40.
    (re.compile(r"eyJ[\w-]{6,500}\.[\w-]{4,}(?:\.[\w-]*)?"), MASK),
    (re.compile(r"\b(?:sk|xai)-[A-Za-z0-9_-]{6,}"), MASK),
    (
        re.compile(r"(?i)([?&#](?:auth|code|key|sig|signature|token)=)[^&\s#\"']+"),
        rf"\1{MASK}",
    ),
    (re.compile(r"\b[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+\b"), MASK),
)


def redact(value: Any, *, depth: int = DEPTH) -> Any:
    """Return *value* without secrets, made of JSON types; deeper levels become a mask."""
    if isinstance(value, str):
        return redact_text(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth <= 0:
        return MASK
    if isinstance(value, Mapping):
        return {
            _name(str(key)): _field(str(key), item, depth) for key, item in _first(value.items())
        }
    if isinstance(value, list | tuple | set | frozenset):
        return _items(_first(value), depth)
    return redact_text(_described(value))


def redact_text(text: str) -> str:
    """Return *text* with every known form of a secret masked, on bounded length, fit for UTF-8."""
    if len(text) > TEXT_CHARS:
        # Both ends: a traceback says what happened in its last line.
        text = text[: TEXT_CHARS // 2] + MASK + text[-TEXT_CHARS // 2 :]
    if not text.isascii():
        text = text.encode(errors="replace").decode()
    if _SIGNS.search(text):
        for form, mask in _FORMS:
            text = form.sub(mask, text)
    return text


@lru_cache(maxsize=512)
def _name(name: str) -> str:
    """Redact the name of a field; nearly all lines have the same ones."""
    return redact_text(name)


def _field(name: str, value: Any, depth: int) -> Any:
    if value is not None and _is_secret(name):
        return MASK
    return value if type(value) in _PLAIN else redact(value, depth=depth - 1)


@lru_cache(maxsize=512)
def _is_secret(name: str) -> bool:
    return _SECRET_NAME.fullmatch(name) is not None


def _items(items: list[Any], depth: int) -> list[Any]:
    """Redact the items of a collection; a name and its value are how headers are often kept."""
    match items:
        case [str(name), value]:
            return [redact_text(name), _field(name, value, depth)]
    return [redact(item, depth=depth - 1) for item in items]


def _first(items: Iterable[Any]) -> list[Any]:
    return [item for _, item in zip(range(ITEMS), items, strict=False)]


def _described(value: Any) -> str:
    """Return the text of any other value; one that cannot be shown must not cost the line."""
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - fence around foreign code
        return f"<{type(value).__name__}>"
