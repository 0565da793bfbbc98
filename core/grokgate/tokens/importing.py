"""Reads a text that is to be imported (F-MIG-01 to F-MIG-05); pure.

1. Each entry gets its place, its cleaned credential and its id: a `Candidate`, or a rejection.
2. Candidates of one id become one: the higher pool wins, then the later use; tags are joined.

`grokgate.tokens.planning` decides what they change.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from grokgate.legacy.report import Remark
from grokgate.legacy.tokens import Entry, read_tokens
from grokgate.tokens.mask import is_mask
from grokgate.tokens.pools import Place, Pools
from grokgate.tokens.rows import identity, token_id
from grokgate.upstream import Secret, UpstreamSpec
from grokgate.vault import Vault


class Labels(Struct, frozen=True, kw_only=True):
    """What is said of all entries of a text at once."""

    tags: tuple[str, ...] = ()
    """Added to those that an entry names."""
    note: str = ""
    """Of entries that have none."""


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
    doubles: tuple[Remark, ...] = ()
    """Those of the remarks that tell of accounts that came twice."""

    @property
    def places(self) -> frozenset[tuple[str, str]]:
        """Upstreams and pools of all candidates."""
        return frozenset((one.place.upstream, one.place.pool) for one in self.candidates)


def prepare(
    text: str | bytes,
    *,
    pool: str | None,
    specs: Mapping[str, UpstreamSpec],
    vault: Vault,
    labels: Labels | None = None,
    plausible: bool = False,
) -> Prepared:
    """Read *text*; takes seconds for very large ones, so call it in a thread.

    Args:
        text: Any form of F-MIG-01.
        pool: For entries that name none; None: the default pool, ``auto``: what a survey finds.
        specs: Clean the credentials, by upstream id.
        vault: Makes the ids.
        labels: For all entries; None: nothing.
        plausible: Entries of JSON must look like tokens too, unless they name their upstream.

    Raises:
        ValueError: No upstream declares *pool*.
    """
    pools = Pools(specs)
    pools.check(pool or "")
    reading = read_tokens(text, plausible=plausible)
    candidates: list[Candidate] = []
    rejected = list(reading.rejected)
    for entry in reading.entries:
        try:
            candidates.append(_candidate(entry, pool, pools=pools, specs=specs, vault=vault))
        except ValueError as error:
            rejected.append(Remark(position=entry.position, reason=str(error)))
    chosen, doubles = _join_doubles(_labelled(candidates, labels))
    return Prepared(
        candidates=chosen,
        rejected=tuple(rejected),
        remarks=(*reading.remarks, *doubles, *_strange_pools(candidates)),
        doubles=doubles,
    )


def id_of(text: str, spec: UpstreamSpec, vault: Vault) -> str | None:
    """Return the id of the token whose credential *text* holds; None: it holds none."""
    try:
        return new_id(clean(text, spec), spec.id, vault)
    except ValueError:
        return None


def new_id(credential: str, upstream: str, vault: Vault) -> str:
    """Return the id of a cleaned credential."""
    return token_id(identity(vault, upstream, credential))


def clean(pasted: str, spec: UpstreamSpec | None) -> str:
    """Return the credential in *pasted*, as its upstream cleans it; without one, stripped.

    Raises:
        ValueError: A reason for the report, never with the text.
    """
    if is_mask(pasted):
        raise ValueError("This is a mask, no credential; name the account by its id.")
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
    credential = clean(entry.pasted.reveal(), specs.get(place.upstream))
    return Candidate(
        id=new_id(credential, place.upstream, vault),
        entry=entry,
        place=place,
        pool_named=bool(named),
        credential=Secret(credential),
    )


def _labelled(candidates: Iterable[Candidate], labels: Labels | None) -> Iterable[Candidate]:
    if labels is None:
        return candidates
    return [_with_labels(candidate, labels) for candidate in candidates]


def _with_labels(candidate: Candidate, labels: Labels) -> Candidate:
    fields = candidate.entry.fields
    fields = replace(
        fields,
        tags=joined(fields.tags or (), labels.tags) or fields.tags,
        note=fields.note or labels.note or fields.note,
    )
    return replace(candidate, entry=replace(candidate.entry, fields=fields))


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
    tags = joined(fields.tags or (), loser.entry.fields.tags)
    return replace(winner, entry=replace(winner.entry, fields=replace(fields, tags=tags)))


def joined(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    """Return both without repetition."""
    return tuple(dict.fromkeys((*first, *second)))
