"""Decides what an import changes (F-MIG-01 to F-MIG-06); pure.

1. Each entry gets its place, its cleaned credential and its id: a `Candidate`, or a rejection.
2. Candidates of one id become one: the higher pool wins, then the later use; tags are joined.
3. Each candidate meets the token that is there already, if any, by the rules of the mode.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import asdict, replace

from grokgate.legacy.report import Remark
from grokgate.legacy.token_fields import Fields
from grokgate.legacy.tokens import Entry, read_tokens
from grokgate.tokens.pools import Place, Pools
from grokgate.tokens.record import Bucket, TokenRecord, TokenState
from grokgate.tokens.rows import identity, token_id
from grokgate.upstream import Secret, UpstreamSpec
from grokgate.vault import Vault

ImportMode: TypeAlias = Literal["add", "update", "replace"]
"""What happens to tokens that are there already.

``add``: nothing. ``update``: the fields that the entry names change, tags are joined. ``replace``:
the same, but named tags are taken as they are, and tokens of the imported pools that are not in the
import are deleted (they can be restored).
"""


class ImportReport(Struct, frozen=True, kw_only=True):
    """What an import did; ids and positions, never a credential."""

    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    """Had been deleted; back with their old data."""
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    """Deleted by the mode ``replace``."""
    rejected: tuple[Remark, ...] = ()
    """Entries that could not be used."""
    remarks: tuple[Remark, ...] = ()
    """Doubles, pools that no upstream declares, and single values that were passed over."""


class Edit(Struct, frozen=True, kw_only=True, gc=False):
    """One change to one token."""

    record: TokenRecord
    """As it shall be; its ``state`` counts only for a new token."""
    new: bool = False
    change_state: Callable[[TokenState], TokenState] | None = None
    """Applied to the state at the moment of writing; None: it stays."""


class Candidate(Struct, frozen=True, kw_only=True, gc=False):
    """An entry that can be used."""

    id: str
    entry: Entry
    place: Place
    pool_named: bool
    credential: Secret


class Prepared(Struct, frozen=True, kw_only=True):
    """A text that was read, cleaned and freed of doubles."""

    candidates: tuple[Candidate, ...]
    rejected: tuple[Remark, ...]
    remarks: tuple[Remark, ...]


def prepare(
    text: str | bytes,
    *,
    pool: str | None,
    specs: Mapping[str, UpstreamSpec],
    vault: Vault,
) -> Prepared:
    """Read *text*; takes seconds for very large ones, so call it in a thread.

    Args:
        text: Any form of F-MIG-01.
        pool: For entries that name none; None: the default pool, ``auto``: what a survey finds.
        specs: Clean the credentials, by upstream id.
        vault: Makes the ids.

    Raises:
        ValueError: No upstream declares *pool*.
    """
    pools = Pools(specs)
    pools.check(pool or "")
    reading = read_tokens(text)
    candidates: list[Candidate] = []
    rejected = list(reading.rejected)
    for entry in reading.entries:
        try:
            candidates.append(_candidate(entry, pool, pools=pools, specs=specs, vault=vault))
        except ValueError as error:
            rejected.append(Remark(position=entry.position, reason=str(error)))
    chosen, doubles = _join_doubles(candidates)
    return Prepared(
        candidates=chosen,
        rejected=tuple(rejected),
        remarks=(*reading.remarks, *doubles, *_strange_pools(candidates)),
    )


def plan(
    prepared: Prepared,
    known: Mapping[str, TokenRecord],
    *,
    mode: ImportMode,
    now_ms: int,
) -> tuple[list[Edit], ImportReport]:
    """Return the changes an import makes, and the report of it.

    Args:
        prepared: From `prepare`.
        known: Every token there is, deleted ones included, by id.
        mode: What happens to known tokens.
        now_ms: Unix milliseconds; creation time of new tokens.
    """
    edits: list[Edit] = []
    outcomes: dict[str, list[str]] = {}
    rejected = list(prepared.rejected)
    for candidate in prepared.candidates:
        there = known.get(candidate.id)
        if there and there.credential != candidate.credential:
            reason = "The id of this account is taken by another one."
            rejected.append(Remark(position=candidate.entry.position, reason=reason))
            continue
        outcome, edit = _meet(candidate, there, mode=mode, now_ms=now_ms)
        outcomes.setdefault(outcome, []).append(candidate.id)
        edits.extend([edit] if edit else [])
    if mode == "replace":
        absent = _absent(prepared.candidates, known.values())
        outcomes["removed"] = [record.id for record in absent]
        edits.extend(Edit(record=deleted(record, now_ms)) for record in absent)
    report = ImportReport(
        rejected=tuple(rejected),
        remarks=prepared.remarks,
        **{outcome: tuple(ids) for outcome, ids in outcomes.items()},
    )
    return edits, report


def deleted(record: TokenRecord, now_ms: int) -> TokenRecord:
    """Return the record as hidden since *now_ms*."""
    return replace(record, deleted_at_ms=now_ms, revision=record.revision + 1)


def _candidate(
    entry: Entry,
    pool: str | None,
    *,
    pools: Pools,
    specs: Mapping[str, UpstreamSpec],
    vault: Vault,
) -> Candidate:
    named = entry.pool or pool or ""
    place = pools.find(named, upstream=entry.upstream)
    credential = _clean(entry.pasted.reveal(), specs.get(place.upstream))
    return Candidate(
        id=token_id(identity(vault, place.upstream, credential)),
        entry=entry,
        place=place,
        pool_named=bool(named),
        credential=Secret(credential),
    )


def _clean(pasted: str, spec: UpstreamSpec | None) -> str:
    """Return the credential in *pasted*; raises ValueError with a reason for the report."""
    if spec is None:
        credential = pasted.strip()
    else:
        try:
            credential = spec.clean(pasted)
        except ValueError:
            raise
        except Exception as error:  # a plugin's code met hostile text
            raise ValueError("The text cannot be read as a credential.") from error
    if not credential:
        raise ValueError("The credential is empty.")
    return credential


def _join_doubles(
    candidates: Iterable[Candidate],
) -> tuple[tuple[Candidate, ...], tuple[Remark, ...]]:
    chosen: dict[str, Candidate] = {}
    remarks: list[Remark] = []
    for candidate in candidates:
        other = chosen.get(candidate.id)
        if other is None:
            chosen[candidate.id] = candidate
            continue
        winner, loser = (candidate, other) if _beats(candidate, other) else (other, candidate)
        chosen[candidate.id] = _with_tags_of(winner, loser)
        reason = f"The same account as {winner.entry.position}, whose data were taken."
        remarks.append(Remark(position=loser.entry.position, reason=reason))
    return tuple(chosen.values()), tuple(remarks)


def _strange_pools(candidates: Iterable[Candidate]) -> list[Remark]:
    """Remark on each pool name that no upstream declares, where it first stands (F-TOK-01)."""
    first: dict[str, str] = {}
    for candidate in candidates:
        if candidate.pool_named and candidate.place.spec is None:
            first.setdefault(candidate.place.pool, candidate.entry.position)
    return [
        Remark(
            position=position,
            reason=f"pool {pool!r} is declared by no upstream: kept, never used",
        )
        for pool, position in first.items()
    ]


def _beats(candidate: Candidate, other: Candidate) -> bool:
    return _weight(candidate) > _weight(other)


def _weight(candidate: Candidate) -> tuple[int, int]:
    return candidate.place.rank, candidate.entry.fields.last_used_at_ms or 0


def _with_tags_of(winner: Candidate, loser: Candidate) -> Candidate:
    fields = winner.entry.fields
    if loser.entry.fields.tags is None:
        return winner
    tags = _joined(fields.tags or (), loser.entry.fields.tags)
    return replace(winner, entry=replace(winner.entry, fields=replace(fields, tags=tags)))


def _joined(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _meet(
    candidate: Candidate, there: TokenRecord | None, *, mode: ImportMode, now_ms: int
) -> tuple[str, Edit | None]:
    """Return the field of the report and the change, if any."""
    if there is None:
        return "added", Edit(record=_new_record(candidate, now_ms), new=True)
    was_deleted = there.deleted_at_ms is not None
    back = replace(there, deleted_at_ms=None)
    if mode == "add":
        after, change_state = back, None
    else:
        after = _changed_record(back, candidate, join_tags=mode == "update")
        change_state = partial(_changed_state, fields=candidate.entry.fields)
    same_state = change_state is None or change_state(there.state) == there.state
    if after == there and same_state:
        return "unchanged", None
    after = replace(after, revision=there.revision + 1)
    return "restored" if was_deleted else "updated", Edit(record=after, change_state=change_state)


def _new_record(candidate: Candidate, now_ms: int) -> TokenRecord:
    place, fields = candidate.place, candidate.entry.fields
    assumed = place.spec.assumed if place.spec else {}
    buckets = {name: Bucket(remaining=units) for name, units in assumed.items()}
    record = TokenRecord(
        id=candidate.id,
        upstream=place.upstream,
        pool=place.pool,
        credential=candidate.credential,
        created_at_ms=now_ms,
        state=_changed_state(TokenState(id=candidate.id, buckets=buckets), fields),
    )
    return _changed_record(record, candidate, join_tags=False)


def _changed_record(record: TokenRecord, candidate: Candidate, *, join_tags: bool) -> TokenRecord:
    """Return *record* with the fields that the entry names (F-TOK-52)."""
    named = _named(candidate.entry.fields, _RECORD_FIELDS)
    if candidate.pool_named:
        named["pool"] = candidate.place.pool
    if join_tags and "tags" in named:
        named["tags"] = _joined(record.tags, named["tags"])
    if "proxy_url" in named:
        named["proxy_url"] = Secret(named["proxy_url"]) if named["proxy_url"] else None
    return replace(record, extra={**record.extra, **candidate.entry.extra}, **named)


def _changed_state(state: TokenState, fields: Fields) -> TokenState:
    """Return *state* with the fields that the entry names; other buckets and notes stay."""
    named = _named(fields, _STATE_FIELDS)
    if fields.buckets is not None:
        imported = {name: Bucket(**asdict(entry)) for name, entry in fields.buckets.items()}
        named["buckets"] = {**state.buckets, **imported}
    if fields.kept is not None:
        named["kept"] = {**state.kept, **fields.kept}
    return replace(state, **named)


def _named(fields: Fields, names: Iterable[str]) -> dict[str, Any]:
    values = {name: getattr(fields, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _absent(candidates: Sequence[Candidate], known: Iterable[TokenRecord]) -> list[TokenRecord]:
    imported = {candidate.id for candidate in candidates}
    places = {(candidate.place.upstream, candidate.place.pool) for candidate in candidates}
    return [
        record
        for record in known
        if record.deleted_at_ms is None
        and (record.upstream, record.pool) in places
        and record.id not in imported
    ]


_RECORD_FIELDS = set(Fields.__struct_fields__) & set(TokenRecord.__struct_fields__)
_STATE_FIELDS = set(Fields.__struct_fields__) & set(TokenState.__struct_fields__)
