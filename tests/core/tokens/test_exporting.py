import msgspec
import pytest

from grokgate.storage import open_database
from grokgate.testing.clock import FakeClock
from grokgate.tokens import TokenRecord, TokenStore
from grokgate.upstream import UpstreamSpec
from grokgate.vault import Vault

pytestmark = pytest.mark.anyio

FORMS = {
    "A": {
        "ssoBasic": [
            "a",
            {
                "token": "b",
                "status": "cooling",
                "quota": 3,
                "heavy_quota": -1,
                "created_at": 1_700_000_000_000,
                "last_used_at": 1_700_000_001_000,
                "use_count": 9,
                "fail_count": 1,
                "last_fail_at": 1_700_000_002_000,
                "last_fail_reason": "429",
                "last_sync_at": 1_700_000_003_000,
                "tags": ["nsfw"],
                "note": "mine",
                "last_asset_clear_at": 1_700_000_004_000,
                "colour": {"unknown": [1, 2.5, None]},
                "ext": {"proxy_url": "http://u:p@127.0.0.1:1", "max_inflight": 3, "shade": 1},
            },
        ],
        "ssoOther": ["c"],
        "auto": ["d"],
    },
    "B": {"ssoNormal": {"a": {"createdTime": 1_700_000_000, "remainingQueries": 5, "tags": []}}},
    "C": {"ssoBasic": [{"token": "sso=a", "quota": 1, "quota_known": False, "token_type": "sso"}]},
    "D": {"basic": ["a"], "super": [{"token": "b", "tags": ["x"]}]},
    "D list": {"tokens": [{"token": "a", "pool": "heavy", "quota": {"fast": {"remaining": 2}}}]},
    "E": {"tokens": {"ssoBasic": [{"token": "a", "consumed": 4}]}, "consumed_mode_enabled": True},
    "F": "super: token-aa\ntoken-bb\nsso=token-cc; cf=1",
    "G": ["a", {"token": "b", "pool": "super", "note": "n"}],
}


def _bare(store: TokenStore) -> list[TokenRecord]:
    return sorted(store.records.values(), key=lambda record: record.id)


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_in_and_form_a_out_loses_nothing(
    store: TokenStore,
    form: str,
    specs: dict[str, UpstreamSpec],
    vault: Vault,
    clock: FakeClock,
) -> None:
    value = FORMS[form]
    await store.import_text(value if isinstance(value, str) else msgspec.json.encode(value))

    path = store._database.path.with_name("second.db")
    async with open_database(path) as database:
        second = TokenStore(database, vault, specs, clock)
        report = await second.import_text(store.export("a"))

    assert _bare(store)
    assert _bare(second) == _bare(store)
    assert report.rejected == ()
    assert all("'ssoOther'" in remark.reason for remark in report.remarks)


async def test_form_a_has_the_public_fields(store: TokenStore) -> None:
    await store.import_text(msgspec.json.encode(FORMS["A"]))
    exported = msgspec.json.decode(store.export("a"))

    record = exported["ssoBasic"][1]
    assert list(exported) == ["ssoBasic", "ssoOther", "auto"]
    assert {name: record[name] for name in FORMS["A"]["ssoBasic"][1] if name != "ext"} == {  # type: ignore[index]
        name: value
        for name, value in FORMS["A"]["ssoBasic"][1].items()  # type: ignore[index]
        if name != "ext"
    }
    assert record["ext"]["shade"] == 1


async def test_form_d_names_pools_by_level(store: TokenStore) -> None:
    await store.import_text("token-aa\nsuper: token-bb\nssoOther: token-cc")
    exported = msgspec.json.decode(store.export("d"))

    assert [entry["pool"] for entry in exported["tokens"]] == ["basic", "super", "ssoOther"]
    assert exported["tokens"][0]["quota"]["default"] == {"remaining": 80, "total": None}


async def test_text_has_one_credential_a_line(store: TokenStore) -> None:
    await store.import_text("token-aa\nsuper: token-bb")

    assert store.export("text") == "token-aa\ntoken-bb\n"


async def test_export_of_some_ids(store: TokenStore) -> None:
    added = (await store.import_text("token-aa\ntoken-bb")).added

    assert store.export("text", ids=added[1:]) == "token-bb\n"


async def test_deleted_tokens_are_not_exported(store: TokenStore) -> None:
    await store.delete((await store.import_text("token-aa")).added)

    assert store.export("text") == ""


async def test_empty_export_is_read_back(store: TokenStore) -> None:
    report = await store.import_text(store.export("a"))

    assert (report.added, report.rejected) == ((), ())
