import base64
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

import grokgate_images
from grokgate.testing import FakeUpstream, RunningGateway, make_card, picture, running_gateway
from grokgate.upstream import ImageRequest, Kind, Wire
from plugins.images_world import EDITS, Images, draws, error_of, events_of, requests_of

pytestmark = pytest.mark.anyio
PROMPT = ("prompt", (None, b"make it blue"))
BOUNDARY = "xxBOUNDARYxx"


def opened_gateway() -> AbstractAsyncContextManager[RunningGateway]:
    return running_gateway(Images(grokgate_images), upstream=FakeUpstream(), tokens={"t1": 5000})


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """The gateway that tests of this file share."""
    del anyio_backend
    async with opened_gateway() as gateway:
        yield gateway


@pytest.fixture
async def own() -> AsyncIterator[RunningGateway]:
    """One for a test that changes it."""
    async with opened_gateway() as gateway:
        yield gateway


def data_uri(label: str) -> str:
    return "data:image/png;base64," + base64.b64encode(picture(label)).decode()


def part(field: str, label: str, name: str = "a.png") -> Any:
    return field, (name, picture(label), "image/png")


async def send(running: RunningGateway, *parts: Any, **texts: str) -> httpx.Response:
    given = [PROMPT, *parts, *((name, (None, text.encode())) for name, text in texts.items())]
    return await running.client.post(EDITS, files=given)


async def contents(request: ImageRequest) -> list[bytes]:
    return [b"".join([piece async for piece in blob.open()]) for blob in request.references]


@pytest.mark.parametrize("field", ["image", "image[]"])
async def test_all_pictures_of_a_form_go_upstream_in_order(
    running: RunningGateway, field: str
) -> None:
    running.fake.add(draws(running, "blue"))

    reply = await send(running, part(field, "a"), part(field, "b"), n="1")

    assert reply.status_code == 200
    (request,) = requests_of(running)
    assert await contents(request) == [picture("a"), picture("b")]
    assert (request.prompt, request.method, request.ratio) == ("make it blue", "edit", None)


@pytest.mark.parametrize(
    "fields",
    [
        {"images": [{"image_url": data_uri("a")}, {"image_url": data_uri("b")}]},
        {"images": [{"url": data_uri("a")}, data_uri("b")]},
        {"image": [data_uri("a"), data_uri("b")]},
        {"image": {"url": data_uri("a")}, "images": [data_uri("b")]},
    ],
    ids=["openai", "mixed", "list", "both"],
)
async def test_pictures_of_json_go_upstream(running: RunningGateway, fields: Any) -> None:
    running.fake.add(draws(running, "blue"))

    await running.client.post(EDITS, json={"prompt": "make it blue", **fields})

    got = await contents(requests_of(running)[0])
    assert sorted(got) == sorted([picture("a"), picture("b")])


async def test_single_picture_may_stand_alone(running: RunningGateway) -> None:
    running.fake.add(draws(running, "blue"))

    await running.client.post(EDITS, json={"prompt": "blue", "image": data_uri("a")})

    assert await contents(requests_of(running)[0]) == [picture("a")]


async def test_uploaded_file_can_be_changed(running: RunningGateway) -> None:
    running.fake.add(draws(running, "blue"))
    upload = {"file": ("a.png", picture("a")), "purpose": (None, b"vision")}
    kept = (await running.client.post("/v1/files", files=upload)).json()["id"]

    await running.client.post(EDITS, json={"prompt": "blue", "images": [{"file_id": kept}]})

    assert await contents(requests_of(running)[0]) == [picture("a")]


async def test_part_with_an_empty_file_name_is_a_file(running: RunningGateway) -> None:
    """As Bun sends it."""
    running.fake.add(draws(running, "blue"))
    body = (
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="prompt"\r\n\r\nblue\r\n'
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="image"; filename=""\r\n'
        "content-type: image/png\r\n\r\n"
    ).encode() + picture("a")
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}

    reply = await running.client.post(
        EDITS, content=body + f"\r\n--{BOUNDARY}--\r\n".encode(), headers=headers
    )

    assert reply.status_code == 200
    assert await contents(requests_of(running)[0]) == [picture("a")]


async def test_usage_counts_the_pictures_given(running: RunningGateway) -> None:
    running.fake.add(draws(running, "blue"))

    reply = await send(running, part("image", "a"), part("image", "b"))

    assert reply.json()["usage"]["input_tokens_details"] == {"text_tokens": 8, "image_tokens": 1024}


@pytest.mark.parametrize(
    ("on", "name"),
    [(True, "image_edit.completed"), (False, "image_generation.completed")],
)
async def test_stream_names_its_events_as_the_operator_wants(
    own: RunningGateway, *, on: bool, name: str
) -> None:
    await own.change(grok={"edit_event_names": on})
    own.fake.add(draws(own, "blue"))

    reply = await send(own, part("image", "a"), stream="true")

    assert [event["type"] for event in events_of(reply.text)] == [name]


@pytest.mark.parametrize("field", ["mask", "markup"])
async def test_mask_is_refused(running: RunningGateway, field: str) -> None:
    form = await send(running, part("image", "a"), part(field, "m"))
    body = {"prompt": "blue", "image": data_uri("a"), field: {"image_url": data_uri("m")}}
    json = await running.client.post(EDITS, json=body)

    assert error_of(form) == error_of(json) == (400, "unsupported_parameter", field)
    assert not running.fake.asked


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "invalid_image"),
        (b"hello", "invalid_image"),
        (b"GIF89a" + bytes(20), "invalid_image"),
    ],
)
async def test_file_that_is_no_picture_is_refused(
    running: RunningGateway, content: bytes, code: str
) -> None:
    reply = await send(running, ("image", ("a.png", content, "image/png")))

    assert error_of(reply) == (400, code, "image")


async def test_pictures_are_needed(running: RunningGateway) -> None:
    form = await send(running)
    json = await running.client.post(EDITS, json={"prompt": "blue", "images": []})

    assert error_of(form) == error_of(json) == (400, "missing_required_parameter", "image")


async def test_prompt_is_needed(running: RunningGateway) -> None:
    reply = await running.client.post(EDITS, files=[part("image", "a")])

    assert error_of(reply) == (400, "missing_required_parameter", "prompt")


async def test_more_than_sixteen_pictures_are_refused(running: RunningGateway) -> None:
    reply = await send(running, *(part("image[]", str(i)) for i in range(17)))

    assert error_of(reply) == (400, "array_above_max_length", "image")


async def test_more_pictures_than_the_model_takes_are_refused_with_the_number(
    anyio_backend: str,
) -> None:
    del anyio_backend
    wire = Wire(name="e", buckets=("default",), limits={"references": 3})
    card = make_card("e", capability="image_edit", wire={"web": wire})
    async with running_gateway(Images(grokgate_images), cards=[card]) as running:
        reply = await send(running, *(part("image", str(i)) for i in range(4)))

    assert error_of(reply) == (400, "array_above_max_length", "image")
    assert "3" in reply.json()["error"]["message"]


async def test_numbers_of_a_form_are_held_to_their_limits(running: RunningGateway) -> None:
    reply = await send(running, part("image", "a"), n="11")

    assert error_of(reply) == (400, "integer_above_max_value", "n")


async def test_other_bodies_are_not_taken(running: RunningGateway) -> None:
    reply = await running.client.post(EDITS, content=b"x", headers={"content-type": "text/plain"})

    assert error_of(reply) == (415, "unsupported_media_type", None)


async def test_chat_model_cannot_edit(running: RunningGateway) -> None:
    reply = await send(running, part("image", "a"), model="grok-imagine-1.0")

    assert error_of(reply) == (400, "model_not_supported", "model")


async def test_conversation_changes_pictures_where_the_edit_is_refused(anyio_backend: str) -> None:
    del anyio_backend
    wire = Wire(name="e", buckets=("default",), limits={"methods": ("edit", "chat")})
    card = make_card("e", capability="image_edit", wire={"web": wire})
    async with running_gateway(Images(grokgate_images), cards=[card]) as running:
        running.fake.add(Kind.BAD_REQUEST, draws(running, "blue"))
        reply = await send(running, part("image", "a"))

    assert reply.status_code == 200
    assert [request.method for request in requests_of(running)] == ["edit", "chat"]
    assert await contents(requests_of(running)[1]) == [picture("a")]


async def test_fields_of_a_form_without_effect_are_named(running: RunningGateway) -> None:
    running.fake.add(draws(running, "blue"))

    reply = await send(running, part("image", "a"), input_fidelity="high", seed="1", user="")

    assert reply.headers["x-grokgate-ignored"] == "input_fidelity,seed"


async def test_variations_are_not_offered_by_default(running: RunningGateway) -> None:
    reply = await running.client.post("/v1/images/variations", files=[part("image", "a")])

    assert error_of(reply) == (404, "endpoint_not_supported", None)


async def test_variation_is_an_edit_with_a_prompt_of_its_own(own: RunningGateway) -> None:
    await own.change(images={"variations": True})
    own.fake.add(draws(own, "b"))

    reply = await own.client.post("/v1/images/variations", files=[part("image", "a")])

    assert reply.status_code == 200
    (request,) = requests_of(own)
    assert (request.method, request.prompt) == ("edit", "Make a variation of this picture.")
