import base64
import random
import re

import pytest

from grokgate_web import fingerprint
from grokgate_web.credential import clean
from grokgate_web.fingerprint import client_hints, resolve
from grokgate_web.headers import (
    Headers,
    cookie_header,
    pasted_cookies,
    request_id,
    statsig,
    statsig_warning,
)
from grokgate_web.identity import describe, identify
from grokgate_web.settings import WebSettings
from grokgate_web.transport import targets

KNOWN = targets()


@pytest.mark.parametrize(
    ("pasted", "credential"),
    [
        ("eyJ.a.b", "eyJ.a.b"),
        (" sso=eyJ.a.b ", "eyJ.a.b"),
        ("sso=eyJ.a.b; sso-rw=eyJ.a.b; cf=1", "eyJ.a.b"),
        ("cf_clearance=x; sso=eyJ.a.b", "eyJ.a.b"),
        ("Cookie: sso=eyJ.a.b", "eyJ.a.b"),
        ("eyJ.a.b;x=y", "eyJ.a.b"),
        ("eyJ\u2013a\u2014b\u200b\u00a0 c\r\nd", "eyJ-a-bcd"),
        ("eyJé中", "eyJ"),
    ],
)
def test_pasted_credential_is_cleaned(pasted: str, credential: str) -> None:
    assert clean(pasted) == credential
    assert clean(clean(pasted)) == credential


@pytest.mark.parametrize("pasted", ["", "  ", "sso=", "sso=;x", "中", "x" * 16_385])
def test_unusable_credential_is_refused_without_repeating_it(pasted: str) -> None:
    with pytest.raises(ValueError, match=r"^the token is") as raised:
        clean(pasted)

    assert len(str(raised.value)) < 50


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("chrome_136", "chrome136"),
        (" Chrome-136 ", "chrome136"),
        ("chrome 136", "chrome136"),
        ("chrome", "chrome150"),
        ("edge", "edge101"),
        ("firefox", "firefox147"),
        ("safari", "safari2601"),
        ("chrome_android", "chrome131_android"),
        ("chrome50", "chrome99"),
        ("safari_16.5", "safari155"),
        ("safari_17_4_1", "safari170"),
        ("safari1741", "safari170"),
        ("safari_ios_17.2", "safari172_ios"),
        ("netscape4", "chrome136"),
        ("", "chrome136"),
    ],
)
def test_fingerprint_name(wanted: str, target: str) -> None:
    assert resolve(wanted, KNOWN).target == target


HISTORIC = {
    "chrome": {
        **{str(n): f"chrome{n}" for n in (100, 101, 104, 107, 110, 116, 119, 120, 123, 124, 131,
                                          136, 142)},
        "105": "chrome104", "106": "chrome104", "108": "chrome107", "109": "chrome107",
        "114": "chrome110", "117": "chrome116", "118": "chrome116",
        **dict.fromkeys(("126", "127", "128", "129", "130"), "chrome124"),
        "132": "chrome131",
        **dict.fromkeys(("133", "134", "135"), "chrome133a"),
        **dict.fromkeys(("137", "138", "139", "140", "141"), "chrome136"),
        "143": "chrome142",
    },
    "edge": {
        "101": "edge101", "122": "chrome120", "127": "chrome124", "131": "chrome131",
        "134": "chrome133a", "135": "chrome133a",
        **dict.fromkeys(("136", "137", "138", "139", "140", "141"), "chrome136"),
        "142": "chrome142",
    },
    "firefox": {
        **dict.fromkeys(("109", "117", "128", "133"), "firefox133"),
        **dict.fromkeys(("135", "136", "139", "142", "143"), "firefox135"),
        **dict.fromkeys(("144", "145", "146"), "firefox144"),
    },
    "safari": {
        "15.3": "safari153", "15.5": "safari155", "17.0": "safari170", "16": "safari155",
        "16.5": "safari155", "17.2.1": "safari170", "17.4.1": "safari170",
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("family", "version", "target"),
    [(family, *row) for family, rows in HISTORIC.items() for row in rows.items()],
)
def test_name_of_earlier_gateways_has_its_target(family: str, version: str, target: str) -> None:
    """The table of F-CFG-132."""
    found = resolve(f"{family}_{version}", KNOWN)
    major = f"Edg/{found.target.removeprefix('chrome')[:3]}." if family == "edge" else ""

    assert found.target == target
    assert version in fingerprint.HISTORIC[family]
    assert target == f"edge{version}" or major in found.user_agent


def test_names_that_are_no_targets_are_listed_with_theirs() -> None:
    named = fingerprint.aliases(KNOWN)

    assert named["edge134"] == "chrome133a"
    assert named["safari17.2.1"] == "safari170"
    assert "chrome136" not in named


def test_every_target_of_the_library_is_its_own_name() -> None:
    for target in KNOWN:
        if re.search(r"\d", target) and "beta" not in target:
            found = resolve(target, KNOWN)
            assert found.exact, target
            assert found.user_agent.startswith("Mozilla/5.0 (")


def test_stand_in_is_warned_about() -> None:
    assert resolve("chrome136", KNOWN).warnings == ()
    assert "chrome136 stands in" in resolve("chrome141", KNOWN).warnings[0]


def test_user_agent_follows_the_fingerprint() -> None:
    assert "Chrome/136.0.0.0 Safari" in resolve("chrome136", KNOWN).user_agent
    assert "Edg/120.0.0.0" in resolve("edge122", KNOWN).user_agent
    assert "Version/15.5 Safari" in resolve("safari16", KNOWN).user_agent
    assert "Firefox/135.0" in resolve("firefox135", KNOWN).user_agent


def test_own_user_agent_of_another_version_is_warned_about() -> None:
    same, other = "Mozilla/5.0 Chrome/136.0.0.0", "Mozilla/5.0 Chrome/120.0.0.0"

    assert resolve("chrome136", KNOWN, user_agent=same).warnings == ()
    found = resolve("chrome136", KNOWN, user_agent=other)
    assert found.user_agent == other
    assert len(found.warnings) == 1


def test_brand_list_is_the_browsers() -> None:
    hints = client_hints(resolve("chrome136", KNOWN).user_agent)

    assert hints["ch_ua"] == ('"Chromium";v="136", "Google Chrome";v="136", "Not.A/Brand";v="99"')
    assert hints["ch_ua_platform"] == '"macOS"'
    assert hints["ch_ua_mobile"] == "?0"


def test_edge_names_itself_and_others_give_no_hints() -> None:
    assert '"Microsoft Edge";v="120"' in client_hints(resolve("edge122", KNOWN).user_agent)["ch_ua"]
    assert client_hints(resolve("firefox135", KNOWN).user_agent) == {}
    assert client_hints(resolve("safari184", KNOWN).user_agent) == {}


def test_cookies_of_another_account_are_not_taken_over() -> None:
    pasted = pasted_cookies(cf_cookies="Cookie: sso=X; sso-rw=X; __cf_bm=1\r\nEvil: 1")

    assert cookie_header("T", pasted) == "sso=T; sso-rw=T; __cf_bm=1Evil:1"


@pytest.mark.parametrize("pasted", ["v", " cf_clearance=v; path=/"])
def test_clearance_is_added_once(pasted: str) -> None:
    assert pasted_cookies(cf_clearance=pasted) == "cf_clearance=v"
    both = pasted_cookies(cf_clearance=pasted, cf_cookies="cf_clearance=w; b=1")
    assert both == "cf_clearance=w; b=1"


def test_nothing_pasted_leaves_the_account_alone() -> None:
    assert cookie_header("T", pasted_cookies()) == "sso=T; sso-rw=T"


def test_fixed_legacy_statsig_is_the_known_constant() -> None:
    value = statsig("", "legacy", dynamic=False, rng=random.Random(1))

    assert value == (
        "ZTpUeXBlRXJyb3I6IENhbm5vdCByZWFkIHByb3BlcnRpZXMgb2YgdW5kZWZpbmVkIChyZWFkaW5nICdjaGlsZE5vZGVzJyk="
    )


def test_dynamic_legacy_statsig_varies_over_both_forms() -> None:
    rng = random.Random(1)
    values = {statsig("legacy", "off", dynamic=True, rng=rng) for _ in range(30)}
    texts = [base64.b64decode(value).decode() for value in values]

    assert len(texts) == 30
    assert any(re.search(r"of null \(reading 'children\['[a-z0-9]{5}'\]'\)", t) for t in texts)
    assert any(re.search(r"of undefined \(reading '[a-z]{10}'\)", t) for t in texts)


def test_statsig_off_or_pasted() -> None:
    rng = random.Random(1)

    assert statsig("off", "legacy", dynamic=True, rng=rng) == ""
    assert statsig("", "static", dynamic=True, rng=rng) == ""
    assert statsig(" abc\r\n", "legacy", dynamic=True, rng=rng) == "abc"


def test_pasted_statsig_of_another_length_is_warned_about() -> None:
    assert statsig_warning("") is None
    assert statsig_warning("legacy") is None
    assert statsig_warning(base64.b64encode(bytes(70)).decode()) is None
    assert "70 bytes" in (statsig_warning("abcd") or "")


def test_request_ids_are_uuids_of_version_4() -> None:
    rng = random.Random(1)

    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f-]{16}", request_id(rng)
    )
    assert request_id(rng) != request_id(rng)


def test_headers_without_value_are_left_out() -> None:
    template = {"A": "{ua}", "B": "{ch_ua}", "C": "x {ua}", "D": "{uuid}", "E": "{statsig}"}
    headers = Headers.of(template, {"ua": "U"})

    assert headers.render({"uuid": "1", "statsig": ""}) == [("A", "U"), ("C", "x U"), ("D", "1")]


def test_values_of_headers_are_never_taken_for_templates() -> None:
    headers = Headers.of({"A": "{ua}", "B": "{referer} {ua}"}, {"ua": "{uuid}"})

    assert headers.render({"uuid": "1", "referer": "{ua}"}) == [
        ("A", "{uuid}"),
        ("B", "{ua} {uuid}"),
    ]


def test_calls_of_one_sort_may_have_a_fingerprint_of_their_own() -> None:
    one = identify(WebSettings(impersonate_usage="chrome131"), KNOWN)
    assert [guise.fingerprint.target for guise in (one.main, one.usage, one.nsfw)] == [
        "chrome136", "chrome131", "chrome136",
    ]  # fmt: skip
    two = identify(WebSettings(impersonate="firefox135", impersonate_nsfw="edge122"), KNOWN)
    assert [guise.fingerprint.target for guise in (two.main, two.usage, two.nsfw)] == [
        "firefox135", "firefox135", "chrome120",
    ]  # fmt: skip


def test_client_hints_follow_the_fingerprint_unless_the_profile_sends_none() -> None:
    def sent(protocol: str, name: str) -> dict[str, str]:
        found = identify(WebSettings(protocol=protocol, impersonate=name), KNOWN)
        return dict(found.main.headers.render({}))

    edge = sent("2026-04", "edge127")
    assert '"Microsoft Edge";v="124"' in edge["Sec-Ch-Ua"]
    assert "Edg/124.0.0.0" in edge["User-Agent"]
    assert "Sec-Ch-Ua" not in sent("2026-04", "safari184")
    assert "Sec-Ch-Ua" not in sent("2026-08", "edge127")


def test_addresses_of_the_settings_win() -> None:
    assert identify(WebSettings(), KNOWN).web_base == "https://grok.com"
    own = identify(WebSettings(web_base="http://127.0.0.1:9/x/"), KNOWN)
    assert own.web_base == "http://127.0.0.1:9/x"


def test_description_shows_resolution_and_no_secret() -> None:
    settings = WebSettings(
        impersonate="chrome141", base_proxy_url="http://u:pass@h:1", cf_clearance="c00kie"
    )
    shown = describe(settings, KNOWN)

    assert shown["impersonate"]["target"] == "chrome136"
    assert shown["warnings"]
    assert "pass" not in repr(shown)
    assert "c00kie" not in repr(shown)
