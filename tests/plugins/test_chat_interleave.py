from collections.abc import AsyncGenerator

import anyio
import pytest

from grokgate.errors import UpstreamTimeout
from grokgate.upstream import Event, TextDelta
from grokgate_chat.interleave import Interleaved

pytestmark = pytest.mark.anyio


async def says(text: str, error: Exception | None = None) -> AsyncGenerator[Event, None]:
    for character in text:
        yield TextDelta(text=character)
        await anyio.lowlevel.checkpoint()
    if error is not None:
        raise error


async def test_each_source_keeps_its_order() -> None:
    texts = ["", ""]

    source = Interleaved([says("first" * 20), says("second" * 20)])
    async for index, event in source:
        assert isinstance(event, TextDelta)
        texts[index] += event.text
    await source.aclose()

    assert texts == ["first" * 20, "second" * 20]


async def test_an_error_is_the_last_item_of_its_source() -> None:
    error = UpstreamTimeout()

    source = Interleaved([says("a", error), says("bc")])
    items = [item async for item in source]
    await source.aclose()

    assert [event for index, event in items if index == 0] == [TextDelta(text="a"), error]
    assert len(items) == 4


async def test_a_defect_is_raised() -> None:
    source = Interleaved([says("a", ZeroDivisionError()), says("b")])

    with pytest.raises(ZeroDivisionError):
        [item async for item in source]
    await source.aclose()


async def test_closing_ends_the_sources() -> None:
    endless = says("a" * 10_000)

    source = Interleaved([endless, says("b")])
    await anext(source)
    await source.aclose()

    with pytest.raises(StopAsyncIteration):
        await anext(endless)


async def test_closing_unread_closes_the_sources_too() -> None:
    unread = says("a")

    await Interleaved([unread]).aclose()

    with pytest.raises(StopAsyncIteration):
        await anext(unread)
