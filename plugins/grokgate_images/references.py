"""The pictures that an edit changes, as a form or as JSON (F-EDIT-01, F-EDIT-02)."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NoReturn, TypeAlias

from msgspec import Struct

from grokgate.errors import InvalidRequest
from grokgate.openai import Source
from grokgate.plugin import Body, Caller, Form, Offer, PluginContext, load_attachments
from grokgate.plugin.media import PictureOptions
from grokgate.upstream import Blob
from grokgate_images.schema import MOST_PICTURES, EditForm, EditRequest, PictureSource

_PICTURES: Final = ("image", "image[]")
_UNSUPPORTED: Final = ("mask", "markup")
FILE_FIELDS: Final = (*_PICTURES, *_UNSUPPORTED)
"""Parts of a form that are files whatever their headers say."""
_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/webp"})
Given: TypeAlias = Source | Blob


class Edit(Struct, frozen=True, kw_only=True):
    """A request to change pictures, in whatever form it came."""

    options: PictureOptions
    prompt: str
    pictures: tuple[Given, ...]
    """1 to 16, not loaded yet where they are named rather than sent."""
    unsupported: str | None = None
    """Field that asks for what no upstream can do."""


async def read_edit(body: Body) -> Edit:
    """Read a request, whichever of the two forms it has.

    Raises:
        GatewayError: The body is not fit, or has no pictures or too many.
    """
    if not body.is_form:
        return _of_json(await body.json(EditRequest))
    texts, form = await body.form(EditForm, file_fields=FILE_FIELDS)
    return Edit(
        options=texts,
        prompt=texts.prompt,
        pictures=pictures_of(form),
        unsupported=next((name for name, _ in form.files if name in _UNSUPPORTED), None),
    )


def pictures_of(form: Form) -> tuple[Blob, ...]:
    """Return the pictures of a form, in its order.

    Raises:
        InvalidRequest: None at all, or too many.
    """
    blobs = form.files_of(*_PICTURES)
    _check_number(len(blobs))
    return tuple(blobs)


def check_fit(edit: Edit, offer: Offer) -> None:
    """Check that the model can do what is asked; nothing is ever left out of it.

    Raises:
        InvalidRequest: There is a mask, or there are more pictures than the model takes.
    """
    if edit.unsupported is not None:
        raise InvalidRequest(
            f"Unsupported parameter: '{edit.unsupported}' cannot be kept to, and without it the "
            "whole picture would be painted anew.",
            code="unsupported_parameter",
            param=edit.unsupported,
        )
    most = offer.limits.get("references")
    if isinstance(most, int) and len(edit.pictures) > most:
        _refuse_number(most)


async def load(given: Sequence[Given], ctx: PluginContext[Any], caller: Caller) -> tuple[Blob, ...]:
    """Return the pictures themselves: those that are named are fetched, opened or decoded.

    Raises:
        GatewayError: One of them cannot be had, or is none that can be changed.
    """
    named = [one for one in given if isinstance(one, Source)]
    loaded = iter(await load_attachments(named, ctx, caller))
    blobs = tuple(next(loaded) if isinstance(one, Source) else one for one in given)
    for blob in blobs:
        if not blob.size or blob.mime not in _TYPES:
            raise InvalidRequest(
                "The image must be PNG, JPEG or WebP, and not empty.",
                code="invalid_image",
                param="image",
            )
    return blobs


def _of_json(request: EditRequest) -> Edit:
    given = (name for name in _UNSUPPORTED if getattr(request, name) is not None)
    entries = list(_entries(request))
    _check_number(len(entries))
    return Edit(
        options=request,
        prompt=request.prompt,
        pictures=tuple(_source(entry, path) for path, entry in entries),
        unsupported=next(given, None),
    )


def _entries(request: EditRequest) -> Iterator[tuple[str, PictureSource | str]]:
    """Yield the pictures with their paths, in the form of OpenAI or of xAI."""
    for field, given in (("images", request.images), ("image", request.image)):
        if isinstance(given, PictureSource | str):
            yield field, given
        elif given is not None:
            yield from ((f"{field}[{place}]", entry) for place, entry in enumerate(given))


def _source(entry: PictureSource | str, path: str) -> Source:
    if isinstance(entry, str):
        return Source(text=entry, param=path, kind="image")
    if entry.file_id is not None:
        return Source(file_id=entry.file_id, param=f"{path}.file_id", kind="image")
    field = "image_url" if entry.url is None else "url"
    text: str | None = getattr(entry, field)
    if text is None:
        raise InvalidRequest.missing(f"{path}.{field}")
    return Source(text=text, param=f"{path}.{field}", kind="image")


def _check_number(number: int) -> None:
    if not number:
        raise InvalidRequest.missing("image")
    if number > MOST_PICTURES:
        _refuse_number(MOST_PICTURES)


def _refuse_number(most: int) -> NoReturn:
    raise InvalidRequest(
        f"At most {most} pictures can be changed at once.",
        code="array_above_max_length",
        param="image",
    )
