"""Headers and cookies of a call, from the templates of the profile. Nothing here is signed."""

import base64
import random
import re
import string
import uuid
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from grokgate_web.profile import PLACEHOLDER

STATSIG_LENGTH = 70
"""Bytes a pasted value decodes to (observed 2026-07-13)."""

_CONSTANT = "e:TypeError: Cannot read properties of undefined (reading 'childNodes')"
CALL_VALUES = frozenset(("uuid", "referer", "statsig", "content_type"))
"""Placeholders whose values differ from call to call."""
_OWN_COOKIES = frozenset(("sso", "sso-rw", "x-userid"))


class Headers(Struct, frozen=True):
    """A header set, filled in as far as it is the same for every call."""

    rows: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Name, and the text; where it differs from call to call, instead its parts: in turn a text and
    the name of a value, a text last."""

    @classmethod
    def of(cls, template: Mapping[str, str], constants: Mapping[str, str]) -> "Headers":
        """Fill in *constants*; a text that needs more stays as it is."""
        return cls(tuple(_row(name, text, constants) for name, text in template.items()))

    def render(self, values: Mapping[str, str]) -> list[tuple[str, str]]:
        """Fill the rest in; headers whose value comes out empty are left out."""
        return [
            (name, value)
            for name, text, parts in self.rows
            if (value := _joined(parts, values) if parts else text)
        ]


def pasted_cookies(*, cf_clearance: str = "", cf_cookies: str = "") -> str:
    """Compose the part of the ``Cookie`` header that the operator pasted; may be empty.

    Pasted account cookies are dropped: a call acts as one account only.
    """
    pasted = [pair for pair in _pairs(cf_cookies) if pair[0] not in _OWN_COOKIES]
    clearance = _visible(cf_clearance).removeprefix("cf_clearance=").partition(";")[0]
    if clearance and not any(name == "cf_clearance" for name, _ in pasted):
        pasted.insert(0, ("cf_clearance", clearance))
    return "; ".join(f"{name}={value}" for name, value in pasted)


def cookie_header(credential: str, pasted: str) -> str:
    """Compose the ``Cookie`` header: the account, then what `pasted_cookies` returned."""
    own = f"sso={credential}; sso-rw={credential}"
    return f"{own}; {pasted}" if pasted else own


def statsig(
    setting: str,
    default: Literal["off", "legacy", "static"],
    *,
    dynamic: bool,
    rng: random.Random,
) -> str:
    """Return the value of ``x-statsig-id``; empty: the header is not sent.

    Args:
        setting: Empty for the profile's *default*, ``off``, ``legacy``, or a pasted value.
        default: What the profile says; ``static`` without a pasted value sends nothing.
        dynamic: False makes the legacy form send its fixed text.
        rng: Source of the varying part.
    """
    mode = setting.strip() or default
    if mode in ("off", "static"):
        return ""
    if mode != "legacy":
        return _visible(mode)
    text = _legacy_text(rng) if dynamic else _CONSTANT
    return base64.b64encode(text.encode()).decode()


def statsig_warning(setting: str) -> str | None:
    """Say what is odd about a pasted value, if anything."""
    if setting.strip() in ("", "off", "legacy"):
        return None
    try:
        raw = base64.b64decode(setting.strip() + "==")
    except ValueError:
        return "grok.statsig is not base64 text"
    return None if len(raw) == STATSIG_LENGTH else "grok.statsig does not decode to 70 bytes"


def request_id(rng: random.Random) -> str:
    """Return a fresh UUID of version 4."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _row(
    name: str, template: str, constants: Mapping[str, str]
) -> tuple[str, str, tuple[str, ...]]:
    """Fill in *constants*, in which placeholders do not count."""
    parts = PLACEHOLDER.split(template)
    done = [parts[0]]
    for value, text in zip(parts[1::2], parts[2::2], strict=True):
        if value in CALL_VALUES:
            done += (value, text)
        else:
            done[-1] += constants.get(value, "") + text
    return (name, "", tuple(done)) if len(done) > 1 else (name, done[0], ())


def _joined(parts: tuple[str, ...], values: Mapping[str, str]) -> str:
    texts = list(parts)
    texts[1::2] = [values.get(name, "") for name in parts[1::2]]
    return "".join(texts)


def _legacy_text(rng: random.Random) -> str:
    if rng.random() < 0.5:  # noqa: PLR2004 - either of two forms
        name = "".join(rng.choices(string.ascii_lowercase + string.digits, k=5))
        return f"e:TypeError: Cannot read properties of null (reading 'children['{name}']')"
    name = "".join(rng.choices(string.ascii_lowercase, k=10))
    return f"e:TypeError: Cannot read properties of undefined (reading '{name}')"


def _pairs(pasted: str) -> list[tuple[str, str]]:
    text = re.sub(r"^\s*cookie:", "", pasted, flags=re.IGNORECASE)
    split = (part.partition("=") for part in text.split(";"))
    return [(_visible(name), _visible(value)) for name, _, value in split if _visible(name)]


def _visible(text: str) -> str:
    return "".join(char for char in text if "!" <= char <= "~")
