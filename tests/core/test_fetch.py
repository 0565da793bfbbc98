"""The guarded fetch: which addresses it refuses, and what it does on the ones it may contact."""

import json
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.fetch_world import (
    LISTED,
    PNG,
    Limits,
    Names,
    content,
    guarded,
    refusal,
    replying,
    serving,
)
from grokgate.fetch import (
    FetchRefused,
    SystemResolver,
    is_public,
    parse_target,
)
from grokgate.fetch.target import follow

pytestmark = pytest.mark.anyio


ADDRESSES = json.loads(Path(__file__).with_name("fetch_addresses.json").read_text())


HOSTILE = [
    *ADDRESSES["loopback"],
    *ADDRESSES["private"],
    *ADDRESSES["form"],
    "https://" + "a." * 130 + "com/",
    "https://example.com/" + "a" * 8192,
    "",
]


class Untouched:
    """Stands for the resolver and the network where neither may be used."""

    async def __call__(self, host: str) -> Sequence[str]:
        raise AssertionError(f"resolved {host}")

    def get(self, *target: object) -> Any:
        raise AssertionError(f"contacted {target}")


@pytest.mark.parametrize("url", HOSTILE, ids=ascii)
async def test_hostile_form_is_refused_without_a_lookup(url: str, tmp_path: Path) -> None:
    nothing = Untouched()
    fetch = guarded(tmp_path, limits=Limits(), resolve=nothing, transport=nothing)

    await refusal(fetch, url)


def test_table_of_hostile_forms_is_long_enough() -> None:
    assert len(set(HOSTILE)) >= 250


@pytest.mark.parametrize("url", ADDRESSES["usual"])
def test_usual_address_is_ordinary(url: str) -> None:
    assert parse_target(url).is_ordinary(http=False)


def test_address_is_fetched_as_it_was_read() -> None:
    target = parse_target("HTTPS://BÜCHER.example.:443/ä b".replace(" ", "") + "?q=ü&r=%2F#top")

    assert target.url == "https://xn--bcher-kva.example/%C3%A4b?q=%C3%BC&r=%2F"
    assert target.authority == "xn--bcher-kva.example"


def test_ipv6_host_is_bracketed_in_the_host_header() -> None:
    target = parse_target("http://[2606:4700:4700:0:0:0:0:1111]:8080")

    assert (target.host, target.authority) == (
        "2606:4700:4700::1111",
        "[2606:4700:4700::1111]:8080",
    )


@given(st.text(max_size=60) | st.from_regex(r"https?://[^\s]{1,40}"))
def test_any_text_is_either_refused_or_read_the_same_twice(text: str) -> None:
    try:
        target = parse_target(text)
    except FetchRefused:
        return

    assert parse_target(target.url) == target


@given(st.ip_addresses())
def test_public_addresses_are_a_part_of_what_the_standard_library_calls_global(
    address: Any,
) -> None:
    assert not is_public(address) or (address.is_global and not address.is_multicast)


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450::1"])
def test_ordinary_addresses_are_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("b.png", "https://a.example/x/b.png"),
        ("/b.png?c", "https://a.example/b.png?c"),
        ("//b.example/", "https://b.example/"),
        ("https://b.example", "https://b.example/"),
        ("../b", "https://a.example/b"),
    ],
)
def test_redirect_is_resolved_against_its_origin(location: str, expected: str) -> None:
    assert follow(parse_target("https://a.example/x/y"), location).url == expected


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "\thttps://b.example/", "//u@b.example/", "//[::1", "a\nb"]
)
def test_hostile_redirect_is_refused(location: str) -> None:
    with pytest.raises(FetchRefused):
        follow(parse_target("https://a.example/"), location)


@pytest.mark.parametrize(
    "addresses",
    [
        (),
        ("127.0.0.1",),
        ("8.8.8.8", "127.0.0.1"),
        ("8.8.8.8", "::1"),
        ("2606:4700:4700::1111", "fd00::1"),
        ("fe80::1%lo",),
        ("::ffff:8.8.8.8",),
        ("8.8.8.8", LISTED, "10.0.0.1"),
    ],
)
async def test_name_with_any_address_that_is_not_public_is_refused(
    addresses: Sequence[str], tmp_path: Path
) -> None:
    names = Names(**{"a.example": addresses})

    await refusal(guarded(tmp_path, resolve=names, transport=Untouched()), "https://a.example/")

    assert names.asked == ["a.example"]


async def test_unknown_name_is_refused(tmp_path: Path) -> None:
    await refusal(guarded(tmp_path, resolve=Names(), transport=Untouched()), "https://a.example/")


async def test_system_resolver_knows_localhost() -> None:
    assert set(await SystemResolver()("localhost")) <= {"127.0.0.1", "::1"}


async def test_localhost_is_refused(tmp_path: Path) -> None:
    await refusal(guarded(tmp_path, transport=Untouched()), "https://localhost/")


async def test_name_is_resolved_once_and_pinned(tmp_path: Path) -> None:
    names = Names(**{"a.example": [LISTED]})
    async with serving(replying()) as server:
        blob = await guarded(tmp_path, resolve=names).get(f"http://a.example:{server.port}/p.png")

    assert (await content(blob), names.asked) == (PNG, ["a.example"])
    assert f"host: a.example:{server.port}\r\n".encode() in server.requests[0]


async def test_plain_http_and_other_ports_are_only_for_listed_networks(tmp_path: Path) -> None:
    names = Names(**{"a.example": [LISTED, "8.8.8.8"]})
    fetch = guarded(tmp_path, resolve=names, transport=Untouched())

    await refusal(fetch, "http://a.example:8080/")


async def test_plain_http_on_the_public_web_is_a_setting(tmp_path: Path) -> None:
    contacted: list[str] = []

    class Recording:
        def get(self, target: Any, addresses: Any) -> Any:
            contacted.append(f"{target.url} {addresses[0]}")
            raise FetchRefused("connection")

    limits = Limits(remote_fetch_http=True)
    fetch = guarded(tmp_path, limits=limits, transport=Recording())

    await refusal(fetch, "http://8.8.8.8/a")
    await refusal(fetch, "http://8.8.8.8:8080/a")

    assert contacted == ["http://8.8.8.8/a 8.8.8.8"]
