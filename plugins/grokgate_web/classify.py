"""What a refusal means, by the ordered rules of the profile (`upstream-protocol.md` 12)."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
from msgspec import Struct

from grokgate.upstream import Kind, Observation, Stage
from grokgate_web.profile import ErrorRule

MAX_BODY = 64 * 1024
"""Bytes of an error body that are looked at."""

_SERVER_ERROR = 500
_CLIENT_ERROR = 400
_LONGEST_S = 1e9
_REASON = re.compile(r"\[wke=([a-z0-9_:-]{1,80})\]")


class Evidence(Struct, frozen=True, kw_only=True):
    """A refusal, taken apart."""

    status: int | None = None
    """None: it came inside an answer."""
    codes: tuple[int, ...] = ()
    """gRPC status numbers found in it."""
    text: str = ""
    """All of it in lower case; untrusted, and neither for clients nor for the log."""
    page: bool = False
    """A web page, or nothing at all."""
    wait_s: float | None = None

    @property
    def reason(self) -> str | None:
        """The upstream's own word for the refusal, ``category:reason``: the part fit for a log.

        The text around it is not: upstreams repeat what they refuse (P12).
        """
        found = _REASON.search(self.text)
        return found.group(1) if found else None


def http_evidence(
    status: int, headers: Mapping[str, str], body: bytes, *, now: datetime
) -> Evidence:
    """Take an HTTP refusal apart.

    Args:
        status: Of the answer.
        headers: Keys are lower case.
        body: Read as far as `MAX_BODY`.
        now: Aware; a ``Retry-After`` date counts from here.
    """
    text = body[:MAX_BODY].decode(errors="replace").lower()
    start = text.lstrip("\ufeff \t\r\n")
    content = _decoded(body[:MAX_BODY])
    told = _retry_after(headers.get("retry-after", ""), now)
    return Evidence(
        status=status,
        codes=_codes(content),
        text=text,
        page=not start or start.startswith(("<!doctype html", "<html")),
        wait_s=_wait_in(content) if told is None else told,
    )


def in_band_evidence(error: object) -> Evidence:
    """Take an error inside an answer apart: a text, an object, or a list of these."""
    said = error if isinstance(error, str) else msgspec.json.encode(error).decode()
    return Evidence(text=said[:MAX_BODY].lower(), codes=_codes(error), wait_s=_wait_in(error))


def judge(
    rules: Sequence[ErrorRule], evidence: Evidence, *, operation: str, stage: Stage
) -> Observation:
    """Return what the first matching rule says.

    An HTTP refusal (4xx) has stage `Stage.REFUSED` whatever *stage* says: nothing was run.
    """
    rule = next((rule for rule in rules if _matches(rule, evidence, operation)), None)
    status = evidence.status
    refused = status is not None and _CLIENT_ERROR <= status < _SERVER_ERROR
    return Observation(
        operation=operation,
        kind=rule.kind if rule else _otherwise(status),
        stage=Stage.REFUSED if refused else stage,
        status=status,
        reset_in_s=evidence.wait_s,
        marker=rule.name if rule else None,
    )


def _otherwise(status: int | None) -> Kind:
    refused = status is not None and _CLIENT_ERROR <= status < _SERVER_ERROR
    return Kind.BAD_REQUEST if refused else Kind.TRANSIENT


def _matches(rule: ErrorRule, evidence: Evidence, operation: str) -> bool:
    return (
        (not rule.status or evidence.status in rule.status)
        and (not rule.codes or bool(set(rule.codes) & set(evidence.codes)))
        and (rule.in_band is None or rule.in_band == (evidence.status is None))
        and (rule.page is None or rule.page == evidence.page)
        and (not rule.operations or operation in rule.operations)
        and (not rule.text or any(text in evidence.text for text in rule.text))
    )


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _codes(content: object) -> tuple[int, ...]:
    """Find the code in ``{"error": {"code": n}}``, ``{"code": n}``, and lists of these."""
    return tuple(
        code
        for item in _objects(content)
        if isinstance(code := item.get("code"), int) and not isinstance(code, bool)
    )


def _wait_in(content: object) -> float | None:
    for item in _objects(content):
        wait = item.get("waitTimeSeconds")
        if isinstance(wait, int | float) and not isinstance(wait, bool) and _is_sane(wait):
            return float(wait)
    return None


def _is_sane(wait_s: float) -> bool:
    return 0 <= wait_s <= _LONGEST_S


def _objects(content: object) -> list[dict[str, Any]]:
    listed = content[:8] if isinstance(content, list) else [content]
    outer = [item for item in listed if isinstance(item, dict)]
    return outer + [item["error"] for item in outer if isinstance(item.get("error"), dict)]


def _retry_after(value: str, now: datetime) -> float | None:
    if re.fullmatch(r"[0-9]{1,9}", value.strip()):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
        wait_s = max(0.0, (aware - now).total_seconds())
    except (ValueError, OverflowError):
        return None
    return wait_s if _is_sane(wait_s) else None
