"""A turn's life: opened, read, kept or forgotten, and closed whatever happens."""

import anyio
import pytest

from grammar.played import asked, checked, kinds
from grammar.turns import ANSWER, Services, read
from grokgate.errors import (
    ContentRefused,
    NoTokenAvailable,
    Overloaded,
    StoreUnavailable,
    UpstreamTimeout,
)
from grokgate.upstream import TextDelta

pytestmark = pytest.mark.anyio


async def test_turn_is_kept_before_its_last_event() -> None:
    services = Services(*ANSWER)
    kept = [len(services.kept) async for _ in (await services.turn()).events()]

    assert (kept[0], kept[-1]) == (0, 1)
    assert services.kept[0].status == "completed"


async def test_turn_that_cannot_be_kept_is_delivered_as_not_stored() -> None:
    services = Services(*ANSWER)
    turn = await services.turn()
    services.can_keep = False

    events = checked(await read(turn))

    assert (kinds(events)[-1], events[-1]["response"]["store"]) == ("completed", False)
    assert turn.response().store is False


async def test_nothing_is_asked_where_nothing_can_be_reserved() -> None:
    services = Services(*ANSWER)
    services.can_keep = False

    with pytest.raises(StoreUnavailable):
        await services.turn()
    assert services.calls == []


async def test_turn_without_store_reserves_nothing() -> None:
    services = Services(*ANSWER)
    await read(await services.turn(asked(store=False)))

    assert services.reserved == set()


async def test_refused_turn_leaves_nothing() -> None:
    services = Services()
    services.refusal = NoTokenAvailable()

    with pytest.raises(NoTokenAvailable):
        await services.turn()
    assert services.reserved == set()


@pytest.mark.parametrize(("streamed", "limit_s"), [(True, 600), (False, 120)])
async def test_limit_is_that_of_the_form_of_the_reply(*, streamed: bool, limit_s: float) -> None:
    services = Services(*ANSWER)
    await services.turn(streamed=streamed)

    assert services.calls[0].timeout_s == limit_s


async def test_failure_becomes_events_and_is_known_to_the_log() -> None:
    services = Services(*ANSWER, error=UpstreamTimeout())
    turn = await services.turn()

    events = checked(await read(turn))

    assert kinds(events)[-2:] == ["error", "failed"]
    assert services.kept[0].status == "failed"
    with pytest.raises(UpstreamTimeout):
        turn.end()


async def test_moderation_in_mid_answer_is_an_end_of_its_own() -> None:
    services = Services(*ANSWER, error=ContentRefused())

    events = checked(await read(await services.turn()))

    assert events[-1]["response"]["incomplete_details"] == {"reason": "content_filter"}


@pytest.mark.parametrize("most", range(1, 16))
async def test_stream_cut_short_anywhere_still_keeps_to_the_grammar(most: int) -> None:
    services = Services(*ANSWER)
    turn = await services.turn()
    before = await read(turn, most)

    events = checked(before + turn.broken(Overloaded()))
    await turn.aclose()

    assert kinds(events)[-1] == (services.kept[0].status if services.kept else "failed")
    assert (services.exchange.closed, services.reserved) == (True, set())


async def test_stream_cut_short_before_its_first_event_has_all_it_needs() -> None:
    turn = await Services(*ANSWER).turn()

    assert kinds(checked(turn.broken(Overloaded()))) == [
        "created",
        "in_progress",
        "error",
        "failed",
    ]


async def test_nothing_follows_the_end() -> None:
    turn = await Services(*ANSWER).turn()
    await read(turn)

    assert turn.broken(Overloaded()) == []


async def test_closing_an_unread_turn_closes_the_exchange() -> None:
    services = Services(*ANSWER)
    turn = await services.turn()

    await turn.aclose()
    await turn.aclose()

    assert (services.exchange.closed, services.reserved) == (True, set())


async def test_turn_in_the_background_asks_after_it_was_queued() -> None:
    services = Services(*ANSWER)
    turn = await services.turn(streamed=False, background=True)
    before = await read(turn, 2)
    asked_before, status = len(services.calls), turn.response().status

    events = checked(before + await read(turn))

    assert (asked_before, status, services.calls[0].timeout_s) == (0, "queued", 120)
    assert kinds(events)[:3] == ["created", "queued", "in_progress"]


async def test_turn_in_the_background_may_fail_in_the_queue() -> None:
    services = Services()
    services.refusal = NoTokenAvailable()

    events = checked(await read(await services.turn(background=True)))

    assert events[-1]["response"]["error"]["code"] == "rate_limit_exceeded"
    assert services.kept[0].status == "failed"


async def test_unary_turn_is_kept_and_has_its_extras() -> None:
    services = Services(*ANSWER)
    response = await (await services.turn(streamed=False)).complete()

    assert (response.output_text, response.created) == ("Lisbon.", response.created_at)
    assert services.kept[0].output == response.output


async def test_unary_turn_that_fails_is_forgotten() -> None:
    services = Services(*ANSWER, error=UpstreamTimeout())
    turn = await services.turn(streamed=False)

    with pytest.raises(UpstreamTimeout):
        await turn.complete()
    assert (services.kept, services.reserved, services.exchange.closed) == ([], set(), True)


async def test_cancelled_turn_is_forgotten() -> None:
    services = Services(*[TextDelta(text="a")] * 100)
    turn = await services.turn(streamed=False)

    with anyio.CancelScope() as scope:
        scope.cancel()
        await turn.complete()

    assert scope.cancelled_caught
    assert (services.kept, services.reserved, services.exchange.closed) == ([], set(), True)
