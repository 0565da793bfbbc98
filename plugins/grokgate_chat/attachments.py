"""What chat messages attach: listed, decoded or fetched, all before an account is leased."""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, NoReturn

import anyio

from grokgate.errors import InvalidRequest, ObjectNotFound
from grokgate.openai import (
    AttachedPart,
    AudioPart,
    FilePart,
    FileSource,
    ImagePart,
    ImageUrl,
    InputFilePart,
    InputImagePart,
    Source,
    UserMessage,
    accept,
    check_count,
    decode,
    unreadable,
)
from grokgate.plugin import Fetch
from grokgate.upstream import Blob
from grokgate_chat.schema import ChatRequest


def attachments(request: ChatRequest) -> list[Source]:
    """List the attachments, in the order of the request.

    Raises:
        InvalidRequest: ``too_many_attachments``, ``unsupported_value``, or a part without source.
        ObjectNotFound: ``file_not_found``: no file of this id and key.
    """
    sources = [
        _source(part, f"messages[{turn}].content[{place}]")
        for turn, message in enumerate(request.messages)
        if isinstance(message, UserMessage) and not isinstance(message.content, str)
        for place, part in enumerate(message.content)
        if isinstance(part, AttachedPart)
    ]
    check_count(sources)
    return sources


async def load(
    sources: Sequence[Source], fetch: Fetch, *, limit: int, request_id: str
) -> list[Blob]:
    """Return the contents of *sources*, in their order.

    Data is decoded before anything is fetched; addresses are fetched side by side.

    Args:
        sources: As listed by `attachments`.
        fetch: Bounds how many addresses of a request are fetched at once.
        limit: Bytes one file may have.
        request_id: Of the request they belong to.

    Raises:
        GatewayError: One of them cannot be used; the others are given up.
    """
    blobs = {
        place: decode(source, limit=limit)
        for place, source in enumerate(sources)
        if not source.is_address
    }
    remote = [place for place in range(len(sources)) if place not in blobs]

    async def get(place: int) -> None:
        source = sources[place]
        blobs[place] = accept(await _fetched(source, fetch, request_id), source, limit=limit)

    if remote:
        await _side_by_side(get, remote)
    return [blobs[place] for place in range(len(sources))]


async def _side_by_side(
    get: Callable[[int], Coroutine[Any, Any, None]], places: Iterable[int]
) -> None:
    """Run *get* for all *places* at once; the first error ends the others and is raised."""
    try:
        async with anyio.create_task_group() as group:
            for place in places:
                group.start_soon(get, place)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _fetched(source: Source, fetch: Fetch, request_id: str) -> Blob:
    try:
        return await fetch.get(source.text, request_id=request_id)
    except InvalidRequest:
        raise unreadable(source) from None


def _source(part: AttachedPart, path: str) -> Source:
    match part:
        case ImagePart():
            return _image(part.image_url, path)
        case InputImagePart():
            return _input_image(part, path)
        case FilePart():
            return _file(part.file, f"{path}.file")
        case InputFilePart():
            flat = FileSource(
                file_id=part.file_id,
                file_data=part.file_data,
                file_url=part.file_url,
                filename=part.filename,
            )
            return _file(part.file, f"{path}.file") if part.file else _file(flat, path)
        case AudioPart():
            raise InvalidRequest(
                "Audio input is not supported.", code="unsupported_value", param=f"{path}.type"
            )


def _image(image: ImageUrl | str, path: str) -> Source:
    if isinstance(image, str):
        return Source(text=image, param=f"{path}.image_url", kind="image")
    return Source(text=image.url, param=f"{path}.image_url.url", kind="image")


def _input_image(part: InputImagePart, path: str) -> Source:
    if part.file_id is not None:
        _miss_file(f"{path}.file_id")
    if part.image_url is None:
        _miss(f"{path}.image_url")
    return _image(part.image_url, path)


def _file(file: FileSource, path: str) -> Source:
    if file.file_id is not None:
        _miss_file(f"{path}.file_id")
    given = {
        "file_data": file.file_data,
        "data": file.data,
        "url": file.url,
        "file_url": file.file_url,
    }
    field, text = next(
        ((field, text) for field, text in given.items() if text is not None), ("", "")
    )
    if not field:
        _miss(f"{path}.file_data")
    return Source(text=text, param=f"{path}.{field}", kind="file", filename=file.filename)


def _miss(param: str) -> NoReturn:
    raise InvalidRequest(
        f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param
    )


def _miss_file(param: str) -> NoReturn:
    raise ObjectNotFound("No such file.", code="file_not_found", param=param)
