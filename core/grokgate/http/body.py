"""The body of a request: what may arrive, and one strict decode into the handler's struct.

A handler writes ``data: JSONBody[T]``. `StrictJson`, set on the plugin's router, decodes the bytes
straight into ``T``; OpenAPI still shows ``T``. A struct may name fields it knows but has no use
for in ``__ignored__: ClassVar[frozenset[str]]``; they and unknown names are told to the client in
``x-grokgate-ignored``, or refused while ``compat.strict_params`` is on (`openai-contract.md` 0).
"""

import re
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from typing import Any, ClassVar

import msgspec
from litestar.dto import AbstractDTO, DTOConfig
from litestar.dto.data_structures import DTOFieldDefinition
from litestar.enums import RequestEncodingType
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import Reference, Schema
from litestar.params import BodyKwarg
from litestar.typing import FieldDefinition

from grokgate.errors import BodyTooLarge, GatewayError, InvalidRequest, UnsupportedMediaType
from grokgate.http.auth import AsyncGuard, Connection
from grokgate.http.validation import invalid_json, invalid_request

JSON = "application/json"
MULTIPART = "multipart/form-data"
STREAM_FIELD = "stream"
"""The one field that older clients send as the text "true" or "false"."""
MAX_NAMES = 20
_NAME = re.compile(r"[A-Za-z0-9_.[\]]{1,64}\Z")
_JSON_TYPE = re.compile(r"application/(?:json|[a-z0-9.+-]+\+json)\Z")
_STREAM_TEXTS = {"true": True, "false": False}


def require_readable(limit_bytes: Callable[[str], int]) -> AsyncGuard:
    """Make the guard that refuses a body by its headers, before any of it is read.

    Args:
        limit_bytes: Media type of the body → the most it may have; also kept in the request's
            state, for bodies that do not announce their length.
    """

    async def guard(connection: Connection, _: BaseRouteHandler) -> None:
        headers = connection.headers
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        limit = limit_bytes(media_type)
        state = connection.scope["state"]
        state["body_limit"], state["spooled"] = limit, media_type == MULTIPART
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            raise InvalidRequest("The content-length header is not a number.")
        if int(length) > limit:
            raise BodyTooLarge
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise UnsupportedMediaType("Compressed request bodies are not supported.")
        expected = _expected_media_type(connection.scope.get("route_handler"))
        if expected is not None and not fits_type(media_type, expected):
            raise UnsupportedMediaType(f"This endpoint takes {expected}.")

    return guard


def strict_json(*, strict_params: Callable[[], bool]) -> type["StrictJson"]:
    """Make the DTO of one application.

    Args:
        strict_params: Whether ignored and unknown fields are refused now.
    """
    namespace = {"readers": {}, "by_handler": {}, "strict_params": staticmethod(strict_params)}
    return type("StrictJson", (StrictJson,), namespace)


class StrictJson(AbstractDTO[Any]):
    """Decodes bytes to the annotated type at once; made by `strict_json`, set as ``dto``."""

    config = DTOConfig()
    readers: ClassVar[dict[str, "BodyReader"]]
    """By the id of a handler, which is all that is known of it when they are made."""
    by_handler: ClassVar[dict[BaseRouteHandler, "BodyReader"]]
    strict_params: Callable[[], bool]

    def decode_bytes(self, value: bytes) -> Any:
        """Decode a JSON body."""
        connection = self.asgi_connection
        reader = self._reader(connection.route_handler)
        data, ignored = reader.read(value, strict=self.strict_params())
        connection.scope["state"]["ignored"] = ignored
        return data

    def decode_builtins(self, value: Mapping[str, Any]) -> Any:
        """Decode a form, whose values are all texts or files and therefore converted."""
        return self._reader(self.asgi_connection.route_handler).convert(value)

    @classmethod
    def _reader(cls, handler: BaseRouteHandler) -> "BodyReader":
        """Return the decoder of a handler's body; Litestar composes an id anew each time."""
        reader = cls.by_handler.get(handler)
        if reader is None:
            reader = cls.by_handler[handler] = cls.readers[handler.handler_id]
        return reader

    @classmethod
    def create_for_field_definition(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,
        backend_cls: Any = None,  # noqa: ARG003 - Litestar's signature
    ) -> None:
        """Prepare the decoder of one handler's body."""
        cls.readers[handler_id] = BodyReader(field_definition.annotation)

    @classmethod
    def create_openapi_schema(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,  # noqa: ARG003 - Litestar's signature
        schema_creator: Any,
    ) -> Reference | Schema:
        """Document the annotated type itself."""
        schema: Reference | Schema = schema_creator.for_field_definition(field_definition)
        return schema

    @classmethod
    def generate_field_definitions(
        cls,
        model_type: type[Any],  # noqa: ARG003 - Litestar's signature
    ) -> Generator[DTOFieldDefinition, None, None]:
        """Yield nothing: no transfer model is built."""
        yield from ()

    @classmethod
    def detect_nested_field(
        cls,
        field_definition: FieldDefinition,  # noqa: ARG003 - Litestar's signature
    ) -> bool:
        """Tell that no field is a nested model: no transfer model is built."""
        return False


class BodyReader:
    """Decodes the bodies of one handler, or the messages of one kind."""

    def __init__(self, body_type: Any) -> None:
        self._type = body_type
        self._decoder = msgspec.json.Decoder(body_type)
        self._names = msgspec.json.Decoder(dict[str, msgspec.Raw])
        known = _field_names(body_type)
        self._unused = frozenset(getattr(body_type, "__ignored__", ()))
        self._used = None if known is None else known - self._unused

    def read(self, body: bytes, *, strict: bool) -> tuple[Any, tuple[str, ...]]:
        """Return the decoded body and the names of its fields that have no effect.

        Raises:
            InvalidRequest: With the code and the place of the first fault.
        """
        try:
            data = self._decode(body)
            ignored = () if self._used is None else self._without_effect(body, self._used)
        except RecursionError:
            raise invalid_json("The JSON body is nested too deeply.") from None
        except UnicodeDecodeError:
            raise invalid_json("The request body is not valid UTF-8.") from None
        except msgspec.DecodeError as error:
            raise invalid_request(_syntax_error(body) or error) from None
        if strict and ignored:
            raise self._refusal(ignored[0])
        return data, ignored

    def check_names(self, names: Iterable[str], *, strict: bool) -> tuple[str, ...]:
        """Return those of the fields *names* that have no effect.

        Raises:
            InvalidRequest: There is one, and *strict*.
        """
        ignored = () if self._used is None else tuple(n for n in names if n not in self._used)
        if strict and ignored:
            raise self._refusal(ignored[0])
        return ignored

    def convert(self, form: Mapping[str, Any]) -> Any:
        """Return the struct for the fields of a form."""
        try:
            return msgspec.convert(form, self._type, strict=False, dec_hook=_as_it_is)
        except msgspec.ValidationError as error:
            raise invalid_request(error) from None

    def _decode(self, body: bytes) -> Any:
        try:
            return self._decoder.decode(body)
        except msgspec.ValidationError as error:
            if not str(error).endswith(f"- at `$.{STREAM_FIELD}`"):
                raise
            return self._decoder.decode(_with_stream_flag(body))

    def _without_effect(self, body: bytes, used: Collection[str]) -> tuple[str, ...]:
        """List top-level names that are unknown or unused; null equals absence."""
        return tuple(
            name
            for name, value in self._names.decode(body).items()
            if name not in used and bytes(value) != b"null"
        )

    def _refusal(self, name: str) -> GatewayError:
        if name in self._unused:
            message, code = "This parameter is not supported here.", "unsupported_parameter"
        else:
            message, code = "Unknown parameter.", "unknown_parameter"
        return InvalidRequest(message, code=code, param=name[:64] if name.isprintable() else None)


def shown_names(names: Collection[str]) -> str:
    """Return *names* as a header value: at most 20, and only plain ones."""
    return ",".join([name for name in names if _NAME.match(name)][:MAX_NAMES])


def _field_names(body_type: Any) -> frozenset[str] | None:
    """List the names a struct knows in JSON; None: not a struct, any name may have an effect."""
    if not (isinstance(body_type, type) and issubclass(body_type, msgspec.Struct)):
        return None
    names = {field.encode_name for field in msgspec.structs.fields(body_type)}
    tag_field = body_type.__struct_config__.tag_field
    return frozenset(names | {tag_field} if tag_field else names)


def _with_stream_flag(body: bytes) -> bytes:
    """Replace a ``stream`` that is the text of a boolean; any other body stays as it is."""
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    flag = msgspec.json.decode(fields[STREAM_FIELD])
    if not isinstance(flag, str) or flag not in _STREAM_TEXTS:
        return body
    fields[STREAM_FIELD] = msgspec.Raw(msgspec.json.encode(_STREAM_TEXTS[flag]))
    return msgspec.json.encode(fields)


def _syntax_error(body: bytes) -> msgspec.DecodeError | None:
    """Find broken JSON behind a wrong type: it comes first, though the decoder met it later."""
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        return error
    except RecursionError:
        return msgspec.DecodeError("nested too deeply")
    return None


def _as_it_is(expected: type, value: object) -> object:
    """Pass on what the form's parser made, such as an uploaded file."""
    if isinstance(value, expected):
        return value
    raise msgspec.ValidationError(f"Expected `{expected.__name__}`")


def _expected_media_type(handler: BaseRouteHandler | None) -> str | None:
    """Return the media type a handler's body must have; None: it reads no typed body."""
    field = getattr(handler, "parsed_data_field", None)
    if field is None:
        return None
    marker = field.kwarg_definition
    if not isinstance(marker, BodyKwarg):
        return JSON
    return RequestEncodingType(marker.media_type).value


def fits_type(media_type: str, expected: str) -> bool:
    """Tell whether a body of *media_type*, without parameters, may be read as *expected*."""
    if expected == JSON:
        return not media_type or _JSON_TYPE.match(media_type) is not None
    return media_type == expected
