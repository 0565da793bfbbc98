"""The body of a request whose handler takes JSON and forms alike (`openai-contract.md` 6, 7.1).

A handler with ``data: JSONBody[T]`` has its body read by the framework, in one form alone; one that
names ``content: CurrentBody`` instead reads it here, by the same rules.
"""

from collections.abc import Callable, Collection
from typing import Any, TypeVar

import msgspec
from litestar import Request

from grokgate.errors import UnsupportedMediaType
from grokgate.http.body import JSON, MULTIPART, BodyReader, fits_type
from grokgate.http.validation import invalid_request
from grokgate.plugin.context import Forms
from grokgate.plugin.form import Form

T = TypeVar("T")


class EitherBody:
    """`grokgate.plugin.context.Body` of one request; for one task.

    Args:
        request: Not read yet.
        forms: Reads forms.
        strict_params: Whether fields without effect are refused now.
    """

    def __init__(
        self, request: Request[Any, Any, Any], *, forms: Forms, strict_params: Callable[[], bool]
    ) -> None:
        self._request = request
        self._forms = forms
        self._strict_params = strict_params
        self._content_type = request.headers.get("content-type", "")
        self._media_type = self._content_type.partition(";")[0].strip().lower()

    @property
    def is_form(self) -> bool:
        """Whether it is a multipart form."""
        return self._media_type == MULTIPART

    async def json(self, kind: type[T]) -> T:
        """Decode it as a JSON object."""
        if not fits_type(self._media_type, JSON):
            raise UnsupportedMediaType(f"This endpoint takes {JSON} or {MULTIPART}.")
        body = await self._request.body()
        data: T
        data, ignored = BodyReader(kind).read(body, strict=self._strict_params())
        self._request.scope["state"]["ignored"] = ignored
        return data

    async def form(self, kind: type[T], *, file_fields: Collection[str]) -> tuple[T, Form]:
        """Read it as a form; numbers and booleans may be written as text."""
        form = await self._forms.read(
            self._content_type, self._request.stream(), file_fields=file_fields
        )
        reader = BodyReader(kind)
        texts = {name: text for name, text in form.texts if text}
        ignored = reader.check_names(texts, strict=self._strict_params())
        try:
            data = msgspec.convert(texts, kind, strict=False)
        except msgspec.ValidationError as error:
            raise invalid_request(error) from None
        self._request.scope["state"]["ignored"] = ignored
        return data, form
