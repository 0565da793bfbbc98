"""``UpdateUserFeatureControls``: the account's own content preference (upstream-protocol.md 8).

The sandbox knows the preference alone; statements of age or terms have no endpoint here (8.6).
"""

from grokgate.sandbox.grpcweb import GrpcError, answer, fail, fields_of, message_of
from grokgate.sandbox.request import Answered
from grokgate.sandbox.routes import GRPC, Route
from grokgate.sandbox.world import Visit


async def update_controls(visit: Visit) -> Answered:
    """Store the preference, unless the account is not entitled to it."""
    try:
        wanted = _preference(message_of(visit.request.body))
        _store(visit, wanted=wanted)
    except GrpcError as error:
        visit.exchange.refusal = f"grpc-{error.status}"
        return fail(error)
    return answer(b"", visit.actions)


def _store(visit: Visit, *, wanted: bool) -> None:
    """Raise `GrpcError` for an account that is refused."""
    nsfw = visit.account.fixture.nsfw
    if wanted and not nsfw.entitled and nsfw.refusal != "silent":
        raise GrpcError(_STATUS[nsfw.refusal], "not entitled")
    visit.account.nsfw_enabled = wanted and nsfw.entitled


def _preference(message: bytes) -> bool:
    """Read the message of 8.2.

    Raises:
        GrpcError: It has another layout; texts as observed.
    """
    controls = mask = b""
    for field in fields_of(message):
        match field.number, field.value:
            case 1, bytes() as controls:
                pass
            case 2, bytes() as mask:
                pass
            case _:
                raise GrpcError(13, "failed to decode protobuf")
    paths = [field.value for field in fields_of(mask) if field.number == 1]
    if not paths:
        raise GrpcError(3, "Field mask must be provided")
    if paths != [_PATH]:
        name = next(path for path in paths if path != _PATH)
        shown = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
        raise GrpcError(3, f"invalid field: {shown}")
    values = [field.value for field in fields_of(controls) if field.number == 2]  # noqa: PLR2004 - number of the field
    if values not in ([0], [1]):
        raise GrpcError(3, "invalid field: always_show_nsfw_content")
    return values == [1]


ROUTES = (
    Route(
        "preference",
        "POST",
        "/auth_mgmt.AuthManagement/UpdateUserFeatureControls",
        update_controls,
        referers=("/", "/?_s=data"),
        headers=GRPC,
        sso_rw=True,
    ),
)
_PATH = b"always_show_nsfw_content"
_STATUS = {"denied": 7, "precondition": 9}
