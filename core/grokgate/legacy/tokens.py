"""Reads pooled accounts from anything the predecessors wrote or an operator pastes (F-MIG-01).

```text
JSON object  {pool: [text or record, …]}            forms A, C and D
             {pool: {credential: record, …}}        form B
             {"tokens": one of these or a list}     forms D and E
             {"token": …}                           one record
JSON list    [text or record, …]                    form G
other text   one credential a line                  form F
```

The reader is pure and never raises: what it cannot use, it reports by position, counted from 1. It
knows no pools and leaves the cleaning of credentials to `grokgate.tokens.importing`. Only lines of
form F must look like a token, since any file at all can be read as lines; and entries of JSON where
whoever reads it asks for that, unless they name their upstream, which may have forms of its own.
"""

import codecs
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from grokgate.legacy.report import Remark
from grokgate.legacy.token_fields import FIELDS, FieldError, Fields, read_buckets
from grokgate.upstream import Secret

LONGEST_TEXT: Final = 32 * 1024 * 1024
"""Bytes of one import."""
MOST_ENTRIES: Final = 200_000
IMPLAUSIBLE: Final = "does not look like a token"
_LONGEST_CREDENTIAL: Final = 16 * 1024
_DEEPEST: Final = 16
"""Levels of nesting in the unknown fields of a record."""

_SYNONYMS: Final = {
    "remainingQueries": "quota",
    "heavyremainingQueries": "heavy_quota",
    "createdTime": "created_at",
    "failedCount": "fail_count",
    "lastFailureTime": "last_fail_at",
    "lastFailureReason": "last_fail_reason",
}
_DERIVED: Final = frozenset({"id", "revision", "deleted_at"})
"""Fields of our own export that an import works out anew."""
_QUOTA: Final = frozenset({"quota", "heavy_quota", "quota_known", "heavy_quota_known", "buckets"})
_POOL_NAME: Final = re.compile(r"[A-Za-z][\w.-]{0,31}", re.ASCII)
_PREFIX: Final = re.compile(r"([A-Za-z][\w-]{0,31})\s*:\s*(?!//)(?=\S)", re.ASCII)
"""Not the scheme of an address."""
_COOKIE: Final = re.compile(r"(?:^|;)\s*sso=([^;]*)")
_TOKEN: Final = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9._~+/=-]{8,}")
_AROUND: Final = " \t\u00a0\u200b\ufeff,\"'`"
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Entry(Struct, frozen=True, kw_only=True, gc=False):
    """One account as it was written down; None means that the entry does not say."""

    position: str
    pasted: Secret
    """The credential, not yet cleaned."""
    pool: str | None = None
    """As written; a synonym or an unknown name perhaps."""
    upstream: str | None = None
    fields: Fields = Fields()
    extra: Mapping[str, Any] = {}
    """Unknown fields, to be kept and exported again (F-MIG-04)."""


class Reading(Struct, frozen=True, kw_only=True):
    """What a text holds, in its order."""

    entries: tuple[Entry, ...] = ()
    rejected: tuple[Remark, ...] = ()
    """Entries that cannot be used."""
    remarks: tuple[Remark, ...] = ()
    """Single values that were passed over."""


def read_tokens(data: bytes | str, *, plausible: bool = False) -> Reading:
    """Read every account in *data*, whatever its form.

    Bounded in size, number of entries and nesting; safe for hostile input. With *plausible* what
    stands in JSON must look like a token too, unless its record names an upstream.
    """
    if len(data) > LONGEST_TEXT:
        return _refused(f"The text is longer than {LONGEST_TEXT // 1024 // 1024} MiB.")
    text = _decode(data).lstrip("\ufeff \t\r\n")
    reader = _Reader(plausible=plausible)
    if text.startswith(("{", "[")):
        try:
            value = msgspec.json.decode(text.encode("utf-8", "replace"))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return _refused("The text looks like JSON but is not valid, or is nested too deeply.")
        reader.read_json(value)
    else:
        reader.read_lines(text)
    return reader.reading()


def looks_like_token(pasted: str) -> bool:
    """Judge one credential, bare or in a cookie string, as the lines of a text are judged."""
    pool, bare = _split_prefix(_plain(pasted.strip()).strip(_AROUND))
    return pool is None and _is_plausible(bare)


def _refused(reason: str) -> Reading:
    return Reading(rejected=(Remark(position="", reason=reason),))


def _decode(data: bytes | str) -> str:
    if isinstance(data, str):
        return data
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    return data.decode("utf-8", "replace")


class _Reader:
    """Collects entries and remarks of one text."""

    def __init__(self, *, plausible: bool) -> None:
        self._plausible = plausible
        self._entries: list[Entry] = []
        self._rejected: list[Remark] = []
        self._remarks: list[Remark] = []
        self._left_over = 0

    def reading(self) -> Reading:
        if self._left_over:
            reason = f"{self._left_over} entries beyond the first {MOST_ENTRIES} were not read."
            self._rejected.append(Remark(position="", reason=reason))
        return Reading(
            entries=tuple(self._entries),
            rejected=tuple(self._rejected),
            remarks=tuple(self._remarks),
        )

    def read_lines(self, text: str) -> None:
        for number, line in enumerate(text.splitlines(), start=1):
            content = _without_comment(_plain(line)).strip(_AROUND)
            if content:
                self._read_line(f"line {number}", content)
        bad, good = len(self._rejected), len(self._entries)
        if bad > good:
            reason = (
                f"{bad} lines rejected, {good} usable: no list of accounts, nothing was imported."
            )
            self._remark("", reason)
            self._entries.clear()

    def _read_line(self, position: str, content: str) -> None:
        pool, pasted = _split_prefix(content)
        if _is_plausible(pasted):
            self._add(position, pasted, pool=pool)
        else:
            self._reject(position, IMPLAUSIBLE)

    def read_json(self, value: Any) -> None:
        match value:
            case list():
                self._read_list(value, pool=None)
            case {"token": str()}:
                self._read_record("record", value, pool=None)
            case {"tokens": list() as entries, **rest}:
                self._read_list(entries, pool=None)
                self._pass_over(rest)
            case {"tokens": dict() as pools, **rest}:
                self._read_pools(pools)
                self._pass_over(rest)
            case _:
                self._read_pools(value)

    def _read_pools(self, pools: Mapping[str, Any]) -> None:
        for number, (name, content) in enumerate(pools.items(), start=1):
            pool = name.strip()
            if pool and not _POOL_NAME.fullmatch(pool):
                # The name may be a credential in the wrong place: it is not repeated.
                self._reject(f"member {number}", "The name of the pool is not usable.")
            elif isinstance(content, list):
                self._read_list(content, pool=pool)
            elif isinstance(content, dict):
                self._read_map(content, pool=pool)
            else:
                self._pass_over([name])

    def _read_list(self, entries: Iterable[Any], *, pool: str | None) -> None:
        for number, entry in enumerate(entries, start=1):
            position = f"{pool or ''}[{number}]"
            if not isinstance(entry, str):
                self._read_record(position, entry, pool=pool)
            elif self._plausible and not looks_like_token(entry):
                self._reject(position, IMPLAUSIBLE)
            else:
                self._add(position, entry, pool=pool)

    def _read_map(self, entries: Mapping[str, Any], *, pool: str) -> None:
        for number, (credential, entry) in enumerate(entries.items(), start=1):
            position = f"{pool}[{number}]"
            if isinstance(entry, dict):
                self._read_record(position, entry | {"token": credential}, pool=pool)
            else:
                self._reject(position, "The entry is neither a text nor a record.")

    def _read_record(self, position: str, record: Any, *, pool: str | None) -> None:
        if not isinstance(record, dict):
            self._reject(position, "The entry is neither a text nor a record.")
            return
        record = {_SYNONYMS.get(name, name): value for name, value in record.items()}
        pasted = record.pop("token", None)
        if not isinstance(pasted, str):
            self._reject(position, "The record has no text in its field token.")
            return
        ext = record.pop("ext", {})
        own, extra = _sort_out(record, ext if isinstance(ext, dict) else {"ext": ext})
        pools = pool, self._named(position, own, "pool"), extra.get("token_type")
        if not _is_shallow(extra, _DEEPEST):
            self._reject(position, "The record is nested too deeply.")
            return
        if self._plausible and not own.get("upstream") and not looks_like_token(pasted):
            self._reject(position, IMPLAUSIBLE)
            return
        self._add(
            position,
            pasted,
            pool=_first_text(*pools),
            upstream=self._named(position, own, "upstream"),
            fields=self._fields(position, own),
            extra=extra,
        )

    def _named(self, position: str, own: dict[str, Any], name: str) -> str | None:
        """Take the name of a place out of the known fields; None: the record does not say."""
        value = own.pop(name, None)
        if value is not None and not isinstance(value, str):
            self._remark(position, f"{name} is not a text")
        return _first_text(value)

    def _fields(self, position: str, own: Mapping[str, Any]) -> Fields:
        """Convert the known fields; one that does not fit is reported and counts as not said."""
        values: dict[str, Any] = {}
        for name, value in own.items():
            if value is None or name in _QUOTA:
                continue
            field, convert = FIELDS[name]
            try:
                values[field] = convert(value)
            except FieldError as error:
                self._remark(position, f"{name} {error}")
        try:
            values["buckets"] = read_buckets(own)
        except FieldError as error:
            self._remark(position, f"quota {error}")
        return Fields(**values)

    def _add(self, position: str, pasted: str, *, pool: str | None, **rest: Any) -> None:
        if len(self._entries) >= MOST_ENTRIES:
            self._left_over += 1
        elif len(pasted) > _LONGEST_CREDENTIAL:
            self._reject(position, "The credential is too long.")
        elif pool and not _POOL_NAME.fullmatch(pool.strip()):
            self._reject(position, "The name of the pool is not usable.")
        else:
            named = (pool or "").strip() or None
            self._entries.append(
                Entry(position=position, pasted=Secret(pasted), pool=named, **rest)
            )

    def _pass_over(self, members: Iterable[object]) -> None:
        for name in members:
            if name == "consumed_mode_enabled":
                reason = "consumed_mode_enabled is now the setting token.selection."
                self._remark("", reason)
            else:
                self._remark("", "A member of the object holds no accounts and was passed over.")

    def _reject(self, position: str, reason: str) -> None:
        if len(self._rejected) >= MOST_ENTRIES:
            self._left_over += 1
        else:
            self._rejected.append(Remark(position=position, reason=reason))

    def _remark(self, position: str, reason: str) -> None:
        self._remarks.append(Remark(position=position, reason=reason))


def _without_comment(line: str) -> str:
    """Cut from a ``#`` that begins the line or follows a blank; others may be of a credential."""
    return re.split(r"(?:^|\s)#", line, maxsplit=1)[0]


def _split_prefix(content: str) -> tuple[str | None, str]:
    """Take ``pool:`` off a line; ``Cookie:`` is the name of a header and means no pool."""
    found = _PREFIX.match(content)
    if not found:
        return None, content
    pool, pasted = found[1], content[found.end() :].strip(_AROUND)
    return (None if pool.lower() == "cookie" else pool), pasted


def _plain(line: str) -> str:
    """Replace Unicode dashes and drop characters without width (F-TOK-06); blanks stay."""
    if line.isascii():
        return line
    kinds = ((char, unicodedata.category(char)) for char in line)
    return "".join("-" if kind == "Pd" else char for char, kind in kinds if kind != "Cf")


def _is_plausible(pasted: str) -> bool:
    """Judge a bare credential, or the one in a cookie string."""
    cookie = _COOKIE.search(pasted)
    credential = cookie[1].strip() if cookie else pasted
    return _TOKEN.fullmatch(credential) is not None


def _sort_out(record: dict[str, Any], ext: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part the fields we know from those we only keep; those of ``ext`` stay together."""
    known = FIELDS.keys() | _QUOTA | {"pool", "upstream"}
    own = {name: value for name, value in (ext | record).items() if name in known}
    dropped = known | _DERIVED
    extra = {name: value for name, value in record.items() if name not in dropped}
    further = {name: value for name, value in ext.items() if name not in dropped}
    return own, extra | ({"ext": further} if further else {})


def _first_text(*values: Any) -> str | None:
    return next((value for value in values if isinstance(value, str) and value.strip()), None)


def _is_shallow(value: Any, levels: int) -> bool:
    match value:
        case dict() | list():
            inner = value.values() if isinstance(value, dict) else value
            return levels > 0 and all(_is_shallow(item, levels - 1) for item in inner)
        case _:
            return True
