import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grokgate.storage import Database
from grokgate.testing.clock import FakeClock
from grokgate.tokens import Bucket, ImportReport, TokenRecord, TokenStore
from grokgate.tokens.importing import prepare
from grokgate.tokens.planning import ImportMode, plan, rules_of
from grokgate.upstream import UpstreamSpec
from grokgate.vault import Vault

pytestmark = pytest.mark.anyio


async def _import(
    store: TokenStore, value: object, mode: ImportMode = "add", pool: str | None = None
) -> ImportReport:
    return await store.import_text(msgspec.json.encode(value), mode=mode, pool=pool)


def _only(store: TokenStore) -> TokenRecord:
    (record,) = store.records.values()
    return record


def _by_credential(store: TokenStore) -> dict[str, str]:
    return {record.credential.reveal(): record.pool for record in store.records.values()}


async def test_new_token_starts_with_the_assumed_quota(store: TokenStore) -> None:
    await store.import_text("super: token-aa")

    assert _only(store).pool == "ssoSuper"
    assert _only(store).state.buckets == {
        "default": Bucket(remaining=140),
        "heavy": Bucket(remaining=-1),
    }


async def test_imported_quota_replaces_the_assumed_one(store: TokenStore) -> None:
    await _import(store, {"ssoBasic": [{"token": "abc", "quota": 7}]})

    assert _only(store).state.buckets["default"] == Bucket(remaining=7, source="estimated")


async def test_id_is_short_keyed_and_stable(store: TokenStore) -> None:
    first = await store.import_text("token-aa")
    second = await store.import_text("sso=token-aa; other=1")

    assert first.added == second.unchanged
    assert first.added[0].startswith("tok_")
    assert len(first.added[0]) == 14


@pytest.mark.parametrize(
    ("name", "pool"),
    [
        ("ssoNormal", "ssoBasic"),
        ("BASIC", "ssoBasic"),
        ("sso", "ssoBasic"),
        ("Auto", "auto"),
        ("Super", "ssoSuper"),
        ("heavy", "ssoHeavy"),
        ("ssoOther", "ssoOther"),
    ],
)
async def test_pool_names(store: TokenStore, name: str, pool: str) -> None:
    await _import(store, {name: ["abc"]})

    assert _only(store).pool == pool


async def test_pool_of_the_import_is_for_entries_without_one(store: TokenStore) -> None:
    await store.import_text("token-aa\nheavy: token-bb", pool="super")

    assert _by_credential(store) == {"token-aa": "ssoSuper", "token-bb": "ssoHeavy"}


@pytest.mark.parametrize("pool", ["ssoFoo", "ssoBasic2"])
async def test_unknown_pool_of_the_import_is_refused(store: TokenStore, pool: str) -> None:
    with pytest.raises(
        ValueError, match=r"'sso\w+'\. Pools: ssoBasic, ssoSuper, ssoHeavy, auto\.$"
    ):
        await store.import_text("token-aa", pool=pool)

    assert store.records == {}


@pytest.mark.parametrize("pool", ["", "normal"])
async def test_default_pool_is_that_of_the_lowest_subscription(
    store: TokenStore, pool: str
) -> None:
    await store.import_text("token-aa", pool=pool)

    assert _only(store).pool == "ssoBasic"


@pytest.mark.parametrize("pool", ["auto", "AUTO"])
async def test_pool_may_be_left_to_the_first_survey(store: TokenStore, pool: str) -> None:
    text = "token-aa\nsuper: token-bb\nauto: token-cc"
    report = await store.import_text(text, pool=pool)

    pools = {"token-aa": "auto", "token-bb": "ssoSuper", "token-cc": "auto"}
    assert _by_credential(store) == pools
    assert report.remarks == ()


async def test_token_without_a_pool_starts_with_the_quota_of_the_default_one(
    store: TokenStore,
) -> None:
    await store.import_text("token-aa", pool="auto")

    assert _only(store).state.buckets["default"] == Bucket(remaining=80)


async def test_detection_still_to_come_survives_a_restart(
    store: TokenStore,
    database: Database,
    vault: Vault,
    specs: dict[str, UpstreamSpec],
    clock: FakeClock,
) -> None:
    await store.import_text("token-aa", pool="auto")
    again = TokenStore(database, vault, specs, clock)
    await again.load()

    assert _only(again).pool == "auto"


async def test_update_may_have_a_pool_detected_anew(store: TokenStore) -> None:
    await store.import_text("super: token-aa")
    report = await _import(store, ["token-aa"], "update", pool="auto")

    assert (len(report.updated), _only(store).pool) == (1, "auto")


async def test_named_pool_beats_detection_where_one_token_has_both(store: TokenStore) -> None:
    await _import(store, {"auto": ["abc"], "ssoBasic": ["abc"]})

    assert _only(store).pool == "ssoBasic"


async def test_pool_that_no_upstream_declares_is_remarked_once(store: TokenStore) -> None:
    report = await _import(store, {"ssoBasic": ["a"], "ssoFoo": ["b", "c"]})

    assert len(report.added) == 3
    assert [(remark.position, remark.reason) for remark in report.remarks] == [
        ("ssoFoo[1]", "pool 'ssoFoo' is declared by no upstream: kept, never used")
    ]


async def test_text_that_is_no_list_of_tokens_removes_nothing(store: TokenStore) -> None:
    await store.import_text("token-aa")
    report = await store.import_text("a README\nof two lines\ntoken-bb\n", mode="replace")

    assert _by_credential(store) == {"token-aa": "ssoBasic"}
    assert (report.added, report.removed) == ((), ())
    assert "nothing was imported" in report.remarks[0].reason


async def test_double_in_two_pools_goes_to_the_higher(store: TokenStore) -> None:
    value = {
        "ssoSuper": [{"token": "a", "tags": ["x"], "note": "super"}],
        "ssoBasic": [{"token": "a", "tags": ["y"], "note": "basic", "last_used_at": 1_700_000_000}],
    }
    report = await _import(store, value)

    assert (_only(store).pool, _only(store).note) == ("ssoSuper", "super")
    assert _only(store).tags == ("x", "y")
    assert [remark.position for remark in report.remarks] == ["ssoBasic[1]"]


async def test_double_in_one_pool_takes_the_later_used(store: TokenStore) -> None:
    value = [
        {"token": "a", "note": "old", "last_used_at": 1_600_000_000},
        {"token": "a", "note": "new", "last_used_at": 1_700_000_000},
    ]
    report = await _import(store, value)

    assert _only(store).note == "new"
    assert [remark.position for remark in report.remarks] == ["[1]"]


async def test_unusable_credential_is_rejected_without_repeating_it(store: TokenStore) -> None:
    report = await store.import_text("good-one\nCANÄRY-00\n")

    assert len(report.added) == 1
    assert [remark.position for remark in report.rejected] == ["line 2"]
    assert "CAN" not in repr(report)


async def test_add_leaves_known_tokens_alone(store: TokenStore) -> None:
    await _import(store, [{"token": "a", "note": "first"}])
    report = await _import(store, [{"token": "a", "note": "second"}])

    assert len(report.unchanged) == 1
    assert _only(store).note == "first"


async def test_update_changes_named_fields_only(store: TokenStore) -> None:
    first = {"token": "a", "note": "n", "tags": ["x"], "use_count": 5, "pool": "super"}
    await _import(store, [first])
    report = await _import(store, [{"token": "a", "tags": ["y"], "fail_count": 2}], "update")

    record = _only(store)
    assert len(report.updated) == 1
    assert (record.note, record.tags, record.pool) == ("n", ("x", "y"), "ssoSuper")
    assert (record.state.use_count, record.state.fail_count) == (5, 2)
    assert record.revision == 2


async def test_update_with_nothing_new_changes_nothing(store: TokenStore) -> None:
    await _import(store, [{"token": "a", "note": "n"}])
    report = await _import(store, [{"token": "a", "note": "n"}], "update")

    assert len(report.unchanged) == 1
    assert _only(store).revision == 1


async def test_replace_removes_what_is_absent_from_the_imported_pools(store: TokenStore) -> None:
    await _import(store, {"ssoBasic": ["a", "b"], "ssoSuper": ["c"]})
    report = await _import(store, {"ssoBasic": ["a", "d"]}, "replace")

    assert set(_by_credential(store)) == {"a", "c", "d"}
    assert (len(report.removed), len(report.added), len(report.unchanged)) == (1, 1, 1)


async def test_replace_takes_named_tags_as_they_are(store: TokenStore) -> None:
    await _import(store, [{"token": "a", "tags": ["x"]}])
    await _import(store, [{"token": "a", "tags": ["y"]}], "replace")

    assert _only(store).tags == ("y",)


async def test_empty_replace_removes_nothing(store: TokenStore) -> None:
    await store.import_text("token-aa")
    await store.import_text("", mode="replace")

    assert len(store.records) == 1


async def test_deleted_token_comes_back_with_its_old_data(store: TokenStore) -> None:
    added = (await _import(store, [{"token": "a", "note": "old", "use_count": 3}])).added
    await store.delete(added)
    report = await _import(store, ["a"])

    assert report.restored == added
    assert (_only(store).note, _only(store).state.use_count) == ("old", 3)


async def test_token_of_an_absent_upstream_is_kept(store: TokenStore) -> None:
    await _import(store, {"theirs": [{"token": " k ", "ext": {"upstream": "xai"}}]})

    assert (_only(store).upstream, _only(store).pool) == ("xai", "theirs")
    assert not store.listing()[0].routed


def test_fault_of_a_plugins_cleaner_rejects_the_entry(
    specs: dict[str, UpstreamSpec], vault: Vault
) -> None:
    def broken(text: str) -> str:
        return text[100]

    web = msgspec.structs.replace(specs["web"], clean=broken)
    prepared = prepare("token-aa", pool=None, specs={"web": web}, vault=vault)

    assert [remark.position for remark in prepared.rejected] == ["line 1"]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=100) | st.binary(max_size=100))
def test_hostile_text_is_planned_without_error(
    specs: dict[str, UpstreamSpec], vault: Vault, text: str | bytes
) -> None:
    prepared = prepare(text, pool=None, specs=specs, vault=vault)
    edits, report = plan(prepared, {}, rules=rules_of("replace", prepared), now_ms=1)

    assert len(edits) == len(report.added)
