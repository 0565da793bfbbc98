"""Decides what an import changes (F-MIG-06); pure.

Each candidate meets the token that is there already, if any, by the rules of the mode.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import asdict, replace

from grokgate.legacy.report import Remark
from grokgate.legacy.token_fields import BucketEntry, Fields
from grokgate.tokens.importing import Candidate, Prepared, joined
from grokgate.tokens.record import Bucket, TokenRecord, TokenState
from grokgate.tokens.switching import activated, disabled
from grokgate.upstream import Secret

ImportMode: TypeAlias = Literal["add", "label", "update", "replace"]
"""What happens to tokens that are there already.

``add``: nothing. ``label``: note and tags change, and nothing else (F-MIG-08). ``update``: the
fields that the entry names change, tags are joined. ``replace``: the same, but named tags are taken
as they are, and tokens of the imported pools that are not in the import are deleted (they can be
restored).
"""


class Rules(Struct, frozen=True, kw_only=True):
    """What becomes of the tokens that are there; a mode in full."""

    change: bool
    """Whether the fields that entries name change."""
    labels_only: bool = False
    """Only note and tags do; deleted tokens stay deleted."""
    join_tags: bool = False
    """Whether named tags are added to those that are there, or take their place."""
    switch: bool = False
    """Whether a named status brings with it what it does when an operator gives it."""
    absent_of: frozenset[tuple[str, str]] = frozenset()
    """Upstreams and pools of which every token that is not imported is deleted."""


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
    doubles: tuple[Remark, ...] = ()
    """Where accounts stand that came twice, or are there already and did not change."""
    pools: Mapping[str, Mapping[str, int]] = {}
    """By pool, then by outcome: how many."""


class Edit(Struct, frozen=True, kw_only=True, gc=False):
    """One change to one token."""

    record: TokenRecord
    """As it shall be; its ``state`` counts only for a new token."""
    new: bool = False
    change_state: Callable[[TokenState], TokenState] | None = None
    """Applied to the state at the moment of writing; None: it stays."""


def rules_of(mode: ImportMode, prepared: Prepared) -> Rules:
    """Return what *mode* means for a text."""
    match mode:
        case "add":
            return Rules(change=False)
        case "label":
            return Rules(change=True, labels_only=True)
        case "update":
            return Rules(change=True, join_tags=True)
        case "replace":
            return Rules(change=True, absent_of=prepared.places)


def plan(
    prepared: Prepared, known: Mapping[str, TokenRecord], *, rules: Rules, now_ms: int
) -> tuple[list[Edit], ImportReport]:
    """Return the changes an import makes, and the report of it.

    Args:
        prepared: From `prepare`.
        known: Every token there is, deleted ones included, by id.
        rules: What happens to known tokens.
        now_ms: Unix milliseconds; creation time of new tokens.
    """
    edits: list[Edit] = []
    outcomes: dict[str, list[str]] = {}
    pools: dict[str, Counter[str]] = {}
    rejected, idle = list(prepared.rejected), list[Remark]()
    for candidate in prepared.candidates:
        there = known.get(candidate.id)
        position = candidate.entry.position
        if there and there.credential != candidate.credential:
            reason = "The id of this account is taken by another one."
            rejected.append(Remark(position=position, reason=reason))
            continue
        outcome, edit = _meet(candidate, there, rules=rules, now_ms=now_ms)
        outcomes.setdefault(outcome, []).append(candidate.id)
        pools.setdefault(candidate.place.pool, Counter())[outcome] += 1
        if edit is None:
            idle.append(Remark(position=position, reason="This account is there already."))
        else:
            edits.append(edit)
    absent = _absent(prepared.candidates, known.values(), rules.absent_of)
    edits.extend(Edit(record=deleted(record, now_ms)) for record in absent)
    for record in absent:
        outcomes.setdefault("removed", []).append(record.id)
        pools.setdefault(record.pool, Counter())["removed"] += 1
    report = ImportReport(
        rejected=tuple(rejected),
        remarks=prepared.remarks,
        doubles=(*prepared.doubles, *idle),
        pools=pools,
        **{outcome: tuple(ids) for outcome, ids in outcomes.items()},
    )
    return edits, report


def deleted(record: TokenRecord, now_ms: int) -> TokenRecord:
    """Return the record as hidden since *now_ms*."""
    return replace(record, deleted_at_ms=now_ms, revision=record.revision + 1)


def _meet(
    candidate: Candidate, there: TokenRecord | None, *, rules: Rules, now_ms: int
) -> tuple[str, Edit | None]:
    """Return the field of the report and the change, if any."""
    if there is None:
        return "added", Edit(record=_new_record(candidate, now_ms), new=True)
    was_deleted = there.deleted_at_ms is not None
    if rules.labels_only:
        after = _labelled(there, candidate)
        if was_deleted or after == there:
            return "unchanged", None
        return "updated", Edit(record=replace(after, revision=there.revision + 1))
    back = replace(there, deleted_at_ms=None)
    if not rules.change:
        after, change_state = back, None
    else:
        after = _changed_record(back, candidate, join_tags=rules.join_tags)
        become = _switched_state if rules.switch else _changed_state
        change_state = partial(become, fields=candidate.entry.fields)
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


def _labelled(record: TokenRecord, candidate: Candidate) -> TokenRecord:
    """Return *record* with the note and tags that the entry names."""
    return replace(record, **_named(candidate.entry.fields, ("note", "tags")))


def _changed_record(record: TokenRecord, candidate: Candidate, *, join_tags: bool) -> TokenRecord:
    """Return *record* with the fields that the entry names (F-TOK-52)."""
    named = _named(candidate.entry.fields, _RECORD_FIELDS)
    if candidate.pool_named:
        named["pool"] = candidate.place.pool
    if join_tags and "tags" in named:
        named["tags"] = joined(record.tags, named["tags"])
    if "proxy_url" in named:
        named["proxy_url"] = Secret(named["proxy_url"]) if named["proxy_url"] else None
    return replace(record, extra={**record.extra, **candidate.entry.extra}, **named)


def _changed_state(state: TokenState, fields: Fields) -> TokenState:
    """Return *state* with the fields that the entry names; other buckets and notes stay."""
    named = _named(fields, _STATE_FIELDS)
    if fields.buckets is not None:
        imported = {
            name: _changed_bucket(state.buckets.get(name), entry)
            for name, entry in fields.buckets.items()
        }
        named["buckets"] = {**state.buckets, **imported}
    if fields.kept is not None:
        named["kept"] = {**state.kept, **fields.kept}
    return replace(state, **named)


def _switched_state(state: TokenState, fields: Fields) -> TokenState:
    """Return *state* as `_changed_state` does, switched as an operator switches."""
    match fields.status:
        case "active" if state.status != "active":
            state = activated(state)
        case "disabled" if state.status != "disabled":
            state = disabled(state)
    return _changed_state(state, fields)


def _changed_bucket(bucket: Bucket | None, entry: BucketEntry) -> Bucket:
    """Return *bucket* with what the entry says; length and reset stay where it does not."""
    said = {name: value for name, value in asdict(entry).items() if value is not None}
    return replace(bucket, **said) if bucket else Bucket(**said)


def _named(fields: Fields, names: Iterable[str]) -> dict[str, Any]:
    values = {name: getattr(fields, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _absent(
    candidates: Sequence[Candidate],
    known: Iterable[TokenRecord],
    places: Collection[tuple[str, str]],
) -> list[TokenRecord]:
    imported = {candidate.id for candidate in candidates}
    return [
        record
        for record in known
        if record.deleted_at_ms is None
        and (record.upstream, record.pool) in places
        and record.id not in imported
    ]


_RECORD_FIELDS = set(Fields.__struct_fields__) & set(TokenRecord.__struct_fields__)
_STATE_FIELDS = set(Fields.__struct_fields__) & set(TokenState.__struct_fields__)
