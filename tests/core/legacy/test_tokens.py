import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokgate.legacy import tokens as reader
from grokgate.legacy.token_fields import BucketEntry, Fields
from grokgate.legacy.tokens import Entry, Reading, read_tokens


def _json(value: object) -> Reading:
    return read_tokens(msgspec.json.encode(value))


def _short(reading: Reading) -> list[tuple[str | None, str]]:
    return [(entry.pool, entry.pasted.reveal()) for entry in reading.entries]


def _fields(**record: object) -> Fields:
    return _json([{"token": "t", **record}]).entries[0].fields


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {"ssoBasic": ["a", {"token": "b"}], "ssoSuper": ["c"]},
            "ssoBasic a, ssoBasic b, ssoSuper c",
        ),
        ({"ssoNormal": {"a": {"status": "active"}, "b": {}}}, "ssoNormal a, ssoNormal b"),
        ({"ssoBasic": [{"token": "sso=a", "token_type": "sso"}]}, "ssoBasic sso=a"),
        ({"basic": ["a"], "heavy": [{"token": "b"}]}, "basic a, heavy b"),
        ({"tokens": [{"token": "a", "pool": "super"}, "b"]}, "super a, None b"),
        ({"tokens": {"ssoBasic": ["a"]}, "consumed_mode_enabled": True}, "ssoBasic a"),
        (["a", {"token": "b", "token_type": "ssoSuper"}], "None a, ssoSuper b"),
        ({"token": "a", "pool": "heavy"}, "heavy a"),
        ({"": ["a"]}, "None a"),
    ],
    ids=["A", "B", "C", "D by pool", "D list", "E", "G", "one record", "empty pool"],
)
def test_form_is_known_by_its_shape(value: object, expected: str) -> None:
    reading = _json(value)

    assert ", ".join(f"{pool} {text}" for pool, text in _short(reading)) == expected
    assert reading.rejected == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("token-ab", [(None, "token-ab")]),
        ("  'token-ab', ", [(None, "token-ab")]),
        ('"token-ab",', [(None, "token-ab")]),
        ("sso=token-ab; cf=1", [(None, "sso=token-ab; cf=1")]),
        ("ssoSuper: token-ab", [("ssoSuper", "token-ab")]),
        ("heavy:token-ab,", [("heavy", "token-ab")]),
        ("Cookie: a=1; sso=token-ab", [(None, "a=1; sso=token-ab")]),
        ("# token-ab", []),
        ("token-ab # of Tuesday", [(None, "token-ab")]),
        ("", []),
        ("https://token-ab", []),
        ("token\u2011\u200bab", [(None, "token-ab")]),
        ("\u200esuper: token-ab", [("super", "token-ab")]),
        ("\ufefftoken-ab", [(None, "token-ab")]),
    ],
)
def test_text_line(line: str, expected: list[tuple[str | None, str]]) -> None:
    assert _short(read_tokens(line)) == expected


def test_lines_keep_their_numbers() -> None:
    reading = read_tokens("# accounts\r\n\r\ntoken-aa\r\ntoken-bb\r\n")

    assert [entry.position for entry in reading.entries] == ["line 3", "line 4"]


@pytest.mark.parametrize(
    "line",
    [
        "not a token with spaces",
        "token\u00a0ab",
        "seven-7",
        "---------",
        "token#ab",
        "token-äb",
        "token-ab; cf=1",
        "sso=",
        "sso=token ab; cf=1",
        "Cookie: a=token-ab; sso=short",
        "\x00\x01PNG token",
    ],
)
def test_line_that_does_not_look_like_a_token_is_rejected(line: str) -> None:
    reading = read_tokens(f"token-aa\n{line}")

    assert _short(reading) == [(None, "token-aa")]
    assert [(remark.position, remark.reason) for remark in reading.rejected] == [
        ("line 2", "does not look like a token")
    ]


@pytest.mark.parametrize(("bad", "taken"), [(0, 2), (2, 2), (3, 0)])
def test_text_with_more_bad_lines_than_good_ones_is_not_taken(bad: int, taken: int) -> None:
    reading = read_tokens("token-aa\ntoken-bb\n" + "no token\n" * bad)

    assert len(reading.entries) == taken
    assert len(reading.rejected) == bad
    assert bool(reading.remarks) == (taken == 0)


def test_texts_in_json_need_not_look_like_tokens() -> None:
    assert _short(_json(["a b", "c"])) == [(None, "a b"), (None, "c")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_marks_are_understood(encoding: str) -> None:
    assert _short(read_tokens('["a"]'.encode(encoding))) == [(None, "a")]


@pytest.mark.parametrize(
    ("record", "buckets"),
    [
        ({"quota": 7}, {"default": BucketEntry(remaining=7)}),
        ({"quota": -5}, {"default": BucketEntry(remaining=-1)}),
        ({"quota": "12"}, {"default": BucketEntry(remaining=12)}),
        ({"remainingQueries": 3}, {"default": BucketEntry(remaining=3)}),
        ({"heavyremainingQueries": 4}, {"heavy": BucketEntry(remaining=4)}),
        ({"quota": 7, "quota_known": False}, {"default": BucketEntry(remaining=-1)}),
        ({"heavy_quota": 0, "heavy_quota_known": True}, {"heavy": BucketEntry(remaining=0)}),
        (
            {"quota": {"fast": {"remaining": 3, "total": 30}, "auto": 1}},
            {"fast": BucketEntry(remaining=3, total=30), "auto": BucketEntry(remaining=1)},
        ),
        (
            {"quota": 9, "ext": {"buckets": {"fast": {"remaining": 1, "source": "real"}}}},
            {"fast": BucketEntry(remaining=1, source="real")},
        ),
        ({}, None),
    ],
)
def test_quota(record: dict[str, object], buckets: object) -> None:
    assert _fields(**record).buckets == buckets


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("active", "active"),
        ("Invalid", "expired"),
        ("失效", "expired"),
        ("cooldown", "cooling"),
        ("rate_limited", "cooling"),
        (" EXHAUSTED ", "cooling"),
        ("disabled", "disabled"),
    ],
)
def test_status_synonyms(text: str, status: str) -> None:
    assert _fields(status=text).status == status


def test_unknown_status_is_reported() -> None:
    reading = _json([{"token": "t", "status": "resting"}])

    assert reading.entries[0].fields.status is None
    assert reading.remarks[0].position == "[1]"
    assert reading.remarks[0].reason == "status is not a known status; taken as active"


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        (1_700_000_000, 1_700_000_000_000),
        (1_700_000_000_123, 1_700_000_000_123),
        (1_700_000_000.5, 1_700_000_000_000),
        ("1700000000", 1_700_000_000_000),
        (0, None),
        (-1, None),
        ("", None),
        (None, None),
        (10**30, None),
        (True, None),
    ],
)
def test_times(value: object, milliseconds: int | None) -> None:
    assert _fields(createdTime=value).created_at_ms == milliseconds


@pytest.mark.parametrize(
    ("value", "tags"),
    [(["NSFW", "a ", "a", ""], ("nsfw", "a")), ("b, C", ("b", "c")), ([], ()), (5, None)],
)
def test_tags(value: object, tags: object) -> None:
    assert _fields(tags=value).tags == tags


@pytest.mark.parametrize(
    ("value", "proxy"),
    [
        ("socks5h://user:pass@127.0.0.1:1080", "socks5h://user:pass@127.0.0.1:1080"),
        ("", ""),
        ("ftp://127.0.0.1", None),
        ("http://", None),
        ("http://[::1", None),
    ],
)
def test_proxy(value: str, proxy: str | None) -> None:
    assert _fields(proxy_url=value).proxy_url == proxy


def test_unknown_fields_are_kept() -> None:
    record = {"token": "t", "colour": "red", "ext": {"shade": 3, "id": "tok_1"}, "id": "x"}

    assert _json([record]).entries[0].extra == {"colour": "red", "ext": {"shade": 3}}


def test_bad_field_is_reported_and_the_rest_is_used() -> None:
    reading = _json({"ssoBasic": [{"token": "t", "use_count": "many", "note": "hers"}]})

    assert reading.entries[0].fields.note == "hers"
    assert [(remark.position, remark.reason) for remark in reading.remarks] == [
        ("ssoBasic[1]", "use_count is not a number")
    ]


@pytest.mark.parametrize(
    ("value", "position"),
    [
        ([5], "[1]"),
        (["a", {"note": "no token"}], "[2]"),
        ({"ssoBasic": [None]}, "ssoBasic[1]"),
        ({"ssoBasic": {"a": 5}}, "ssoBasic[1]"),
        ({"not a pool!": ["a"]}, "member 1"),
        ([{"token": "t", "pool": "a b"}], "[1]"),
        ([{"token": "x" * 20_000}], "[1]"),
    ],
)
def test_unusable_entry_is_rejected_with_its_position(value: object, position: str) -> None:
    assert [remark.position for remark in _json(value).rejected] == [position]


def test_source_of_a_bucket_may_be_anything() -> None:
    (entry,) = _json(
        [{"token": "t", "buckets": {"auto": {"remaining": 1, "source": ["x"]}}}]
    ).entries

    assert entry.fields.buckets == {"auto": BucketEntry(remaining=1, source="estimated")}


@pytest.mark.parametrize("name", ["pool", "upstream"])
def test_place_that_is_no_text_is_reported(name: str) -> None:
    reading = _json([{"token": "t", name: 5}])

    assert _short(reading) == [(None, "t")]
    assert [remark.reason for remark in reading.remarks] == [f"{name} is not a text"]


def test_credential_in_the_place_of_a_pool_is_not_repeated() -> None:
    credential = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.CANARY"

    reading = _json({credential: {"status": "active"}, credential + "2": 5})

    assert "CANARY" not in repr(reading)
    assert len(reading.rejected) == 2


def test_member_without_accounts_is_remarked() -> None:
    assert len(_json({"ssoBasic": ["a"], "version": 3}).remarks) == 1


@pytest.mark.parametrize("text", ["{", "[1,", '{"a":}', "[" * 100_000, '{"a":' * 50_000])
def test_broken_json_is_rejected_whole(text: str) -> None:
    reading = read_tokens(text)

    assert reading.entries == ()
    assert reading.rejected[0].position == ""


def test_deep_unknown_field_rejects_its_entry() -> None:
    deep: object = 1
    for _ in range(50):
        deep = [deep]

    reading = _json([{"token": "a", "x": deep}, "b"])

    assert _short(reading) == [(None, "b")]
    assert reading.rejected[0].position == "[1]"


def test_text_over_the_limit_is_rejected() -> None:
    assert read_tokens("a" * (reader.LONGEST_TEXT + 1)).rejected[0].position == ""


def test_entries_over_the_limit_are_counted() -> None:
    reading = read_tokens("token-aa\n" * (reader.MOST_ENTRIES + 3))

    assert len(reading.entries) == reader.MOST_ENTRIES
    assert reading.rejected[0].reason.startswith("3 entries")


def test_bad_lines_over_the_limit_are_counted() -> None:
    reading = read_tokens("no token\n" * (reader.MOST_ENTRIES + 3))

    assert len(reading.rejected) == reader.MOST_ENTRIES + 1
    assert reading.rejected[-1].reason.startswith("3 entries")


_NAMES = st.sampled_from(
    ["token", "tokens", "ext", "quota", "buckets", "source", "tags", "status", "kept", "pool", "x"]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_NAMES | st.text(), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=300)
@given(_VALUES)
def test_no_json_breaks_the_reader(value: object) -> None:
    _check(_json(value))


@settings(max_examples=300)
@given(st.text(alphabet=st.characters(), max_size=200) | st.binary(max_size=200))
def test_no_text_breaks_the_reader(data: str | bytes) -> None:
    _check(read_tokens(data))


@given(st.text(alphabet='{}[]":,ssoBasictoken0.5e\ud800\n', max_size=100))
def test_nothing_like_json_breaks_the_reader(data: str) -> None:
    _check(read_tokens(data))


def _check(reading: Reading) -> None:
    for entry in reading.entries:
        assert isinstance(entry, Entry)
        assert entry.pasted.reveal() not in {repr(entry), str(entry)}
        msgspec.json.encode(entry.extra)
