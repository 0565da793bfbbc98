from typing import Any

import pytest

from grokgate.errors import ContentRefused, LimitExceeded, NoTokenAvailable, UpstreamError
from grokgate.plugin import Caller, Offer
from grokgate.plugin.media import Wish
from grokgate.plugin.media.order import Order, Terms, methods, orders, portions
from grokgate.testing import make_card

BOTH = {"methods": ("chat", "socket")}


def offer(capability: Any = "image", **limits: Any) -> Offer:
    return Offer(card=make_card(capability=capability), limits=limits)


def order(method: Any = "chat", **wish: Any) -> Order:
    return Order(
        Terms(
            caller=Caller(key_id="k", name="k"),
            offer=offer(chat_priced="call"),
            wish=Wish(prompt="a kite", **wish),
        ),
        method,
    )


@pytest.mark.parametrize(
    ("limits", "preferred", "ways"),
    [
        (BOTH, "chat", ("chat",)),
        (BOTH, "socket", ("socket", "chat")),
        ({}, "socket", ("socket", "chat")),
        ({"methods": ("chat",)}, "socket", ("chat",)),
        ({"methods": ("socket",)}, "chat", ("socket",)),
        ({"methods": ("socket",)}, "socket", ("socket",)),
    ],
)
def test_pictures_are_asked_for_as_preferred_where_that_is_offered(
    limits: Any, preferred: Any, ways: Any
) -> None:
    assert methods(offer(**limits), preferred=preferred) == ways


@pytest.mark.parametrize("named", [("edit",), ("edit", "chat"), ("chat", "edit")])
def test_edits_are_asked_for_in_the_order_of_the_model(named: Any) -> None:
    assert methods(offer("image_edit", methods=named), preferred="socket") == named


@pytest.mark.parametrize(
    ("count", "method", "limits", "sizes"),
    [
        (1, "chat", {}, [1]),
        (5, "chat", {}, [2, 2, 1]),
        (10, "socket", {}, [4, 4, 2]),
        (3, "edit", {"per_call": 1}, [1, 1, 1]),
        (4, "edit", {"per_call": 10}, [4]),
    ],
)
def test_pictures_are_divided(count: int, method: Any, limits: Any, sizes: list[int]) -> None:
    found = portions(count, method, offer(**limits))

    assert [len(slots) for slots in found] == sizes
    assert [slot for slots in found for slot in slots] == list(range(count))


def test_call_says_what_it_is_priced_by() -> None:
    call = order(nsfw=True).call((3, 4))

    assert call.facts == {"method": "chat", "nsfw": "on", "priced": "call"}
    assert (call.outputs, call.repeatable) == (2, False)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NoTokenAvailable(), True),
        (UpstreamError(), False),
        (ContentRefused(), False),
        (LimitExceeded(), False),
    ],
    ids=["quota", "unknown", "moderation", "own limit"],
)
def test_another_method_is_tried_only_where_nothing_was_begun(
    error: Any, *, expected: bool
) -> None:
    assert order("socket").turned_away(error) is expected


@pytest.mark.parametrize(
    ("count", "concurrency", "tried"),
    [
        (8, 2, [("socket", 2), ("socket", 1), ("chat", 2)]),
        (8, 1, [("socket", 1), ("chat", 1)]),
        (4, 3, [("socket", 3), ("chat", 3)]),
    ],
)
def test_single_sockets_come_between_several_and_a_conversation(
    count: int, concurrency: int, tried: list[tuple[str, int]]
) -> None:
    terms = order(count=count, concurrency=concurrency).terms

    found = orders(terms, ("socket", "chat"))

    assert [(one.method, one.terms.wish.concurrency) for one in found] == tried
