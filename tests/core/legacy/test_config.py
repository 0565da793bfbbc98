from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate.legacy.config import convert_config, convert_setting_toml

trees = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.dictionaries(
        st.sampled_from(
            ["proxy", "egress", "account", "refresh", "basic_interval_sec", "grok", "x"]
        ),
        inner,
    ),
)


def test_setting_toml_is_read_in_todays_keys() -> None:
    converted = convert_setting_toml(
        {
            "global": {
                "base_url": "https://gw.example",
                "admin_username": "root",
                "admin_password": "secret",
                "image_mode": "url",
                "image_cache_max_size_mb": 512,
                "video_cache_max_size_mb": "1024",
                "log_level": "INFO",
            },
            "grok": {
                "api_key": "sk-1",
                "proxy_url": "http://127.0.0.1:1",
                "cache_proxy_url": "http://127.0.0.1:2",
                "cf_clearance": "c",
                "temporary": True,
                "show_thinking": False,
                "dynamic_statsig": True,
                "filtered_tags": "a,b",
                "stream_total_timeout": 600,
                "stream_chunk_timeout": 120,
                "retry_status_codes": [401],
            },
        }
    )

    assert converted.tree == {
        "app": {
            "app_url": "https://gw.example",
            "admin_username": "root",
            "app_key": "secret",
            "image_format": "url",
            "api_key": "sk-1",
        },
        "cache": {"limit_mb": 1536},
        "grok": {
            "base_proxy_url": "http://127.0.0.1:1",
            "asset_proxy_url": "http://127.0.0.1:2",
            "cf_clearance": "c",
            "temporary": True,
            "thinking": False,
            "dynamic_statsig": True,
            "filter_tags": "a,b",
            "stream_total_timeout": 600,
            "stream_idle_timeout": 120,
            "retry_status_codes": [401],
        },
    }
    assert "global.log_level has no counterpart and is not used" in converted.notes


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"app": {"stream": True}}, {"grok": {"stream": True}}),
        ({"proxy": {"browser": "chrome131"}}, {"grok": {"impersonate": "chrome131"}}),
        ({"retry": {"max_retry": 2}}, {"grok": {"max_retry": 2}}),
        (
            {"chat": {"timeout": 60, "stream_timeout": 30}},
            {"grok": {"timeout": 60, "stream_idle_timeout": 30}},
        ),
        (
            {"asset": {"concurrent": 5}, "usage": {"batch_size": 7}},
            {"performance": {"assets_max_concurrent": 5, "usage_batch_size": 7}},
        ),
        ({"image": {"final_timeout": 9}}, {"plugins": {"images_nsfw": {"final_timeout": 9}}}),
        ({"features": {"memory": True}}, {"grok": {"disable_memory": False}}),
        ({"features": {"auto_chat_mode_fallback": False}}, {"grok": {"mode_fallback": False}}),
        ({"features": {"video_format": "grok_url"}}, {"app": {"video_format": "grok_url"}}),
        (
            {"proxy": {"egress": {"proxy_url": "a", "resource_proxy_pool": ["b"]}}},
            {"grok": {"base_proxy_url": "a", "asset_proxy_pool": ["b"]}},
        ),
        ({"proxy": {"clearance": {"user_agent": "ua"}}}, {"grok": {"user_agent": "ua"}}),
        (
            {"account": {"refresh": {"basic_interval_sec": 28800, "super_interval_sec": 1}}},
            {"token": {"refresh_interval_hours": 8.0, "super_refresh_interval_hours": 0.1}},
        ),
        (
            {"account": {"selection": {"strategy": "quota", "max_inflight": 3}}},
            {"token": {"selection": "max_quota", "max_inflight": 3}},
        ),
        ({"retry": {"on_codes": "429,503"}}, {"grok": {"retry_status_codes": "429,503"}}),
        ({"cache": {"local": {"image_max_mb": 1}}}, {"cache": {"image_max_mb": 1}}),
        ({"batch": {"nsfw_concurrency": 4}}, {"performance": {"nsfw_max_concurrent": 4}}),
    ],
)
def test_old_keys_of_config_toml_are_moved(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert convert_config(old).tree == new


def test_key_in_its_new_form_is_never_overwritten() -> None:
    converted = convert_config({"chat": {"timeout": 60}, "grok": {"timeout": 90}})

    assert converted.tree == {"grok": {"timeout": 90}}
    assert converted.notes == ("chat.timeout is not used: grok.timeout is set",)


def test_older_spelling_of_the_target_counts_as_set() -> None:
    converted = convert_config(
        {"proxy": {"browser": "x"}, "grok": {"wreq_emulation": "a"}},
        aliases={"grok.impersonate": ["grok.wreq_emulation"]},
    )

    assert converted.tree == {"grok": {"wreq_emulation": "a"}}


def test_empty_old_value_says_nothing() -> None:
    assert convert_config({"proxy": {"browser": ""}}).tree == {}


@pytest.mark.parametrize(
    "old",
    [
        {"proxy": {"skip_ssl_verify": True}},
        {"proxy": {"egress": {"skip_ssl_verify": True}}},
    ],
)
def test_switched_off_certificate_check_is_warned_about(old: dict[str, Any]) -> None:
    converted = convert_config(old)

    assert converted.tree == {}
    assert "grok.ca_file" in converted.warnings[0]


def test_what_lies_outside_gets_a_line_each() -> None:
    converted = convert_config(
        {
            "register": {"a": 1, "b": 2},
            "proxy": {"clearance": {"mode": "flaresolverr"}},
            "token": {"nsfw_refresh_hours": 1, "fail_threshold": 3},
        }
    )

    assert converted.tree == {"token": {"fail_threshold": 3}}
    assert len(converted.notes) == 4


def test_value_that_cannot_be_read_is_warned_about_without_it() -> None:
    converted = convert_config({"account": {"refresh": {"basic_interval_sec": "hunter2"}}})

    assert converted.tree == {}
    assert converted.warnings == (
        "account.refresh.basic_interval_sec is ignored: its value cannot be read",
    )


def test_value_in_place_of_the_target_section_is_left_alone() -> None:
    converted = convert_config({"chat": {"timeout": 60}, "grok": 5})

    assert converted.tree == {"grok": 5}
    assert converted.warnings == ("chat.timeout is ignored: no table can hold grok.timeout",)


def test_todays_file_passes_unchanged() -> None:
    tree = {"app": {"api_key": "sk"}, "grok": {"timeout": 5}, "mine": {"x": [1]}}

    converted = convert_config(tree)

    assert (converted.tree, converted.notes, converted.warnings) == (tree, (), ())


@given(st.dictionaries(st.sampled_from(["proxy", "account", "features", "app", "batch"]), trees))
def test_any_tree_is_converted_and_left_alone(tree: dict[str, Any]) -> None:
    before = repr(tree)
    convert_config(tree)
    convert_setting_toml(tree)

    assert repr(tree) == before
