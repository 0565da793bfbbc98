"""Documents multipart bodies: handlers read them from the request, which OpenAPI cannot see."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

from grokgate.http.body import MULTIPART


def form_operation(fields: Mapping[str, Schema], *, required: Collection[str]) -> type[Operation]:
    """Make the operation class of a handler that takes a form with these *fields*."""
    schema = Schema(type=OpenAPIType.OBJECT, properties=dict(fields), required=sorted(required))

    @dataclass
    class FormOperation(Operation):
        def __post_init__(self) -> None:
            self.request_body = RequestBody(
                required=True, content={MULTIPART: OpenAPIMediaType(schema=schema)}
            )

    return FormOperation
